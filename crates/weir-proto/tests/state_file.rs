//! The state file as text, and what is wrong with one.

use weir_proto::request::RequestType;
use weir_proto::state_file::{Cause, Error, RECORD_LIMIT, Reader, Writer};
use weir_proto::{
    ActivateListener, Cluster, HealthCheckConfig, ListenerType, Request, Status, WorkerRequest,
};

fn read(text: &str, limit: usize) -> Vec<Result<WorkerRequest, Error>> {
    Reader::new(text.as_bytes(), limit).collect()
}

fn requests(text: &str) -> Vec<Option<RequestType>> {
    let records = read(text, RECORD_LIMIT).into_iter();
    records.map(|record| record.expect("a record").content.request_type).collect()
}

fn refused(text: &str) -> String {
    let mut records = read(text, RECORD_LIMIT);
    records.pop().expect("a record").expect_err("not right").to_string()
}

fn activate(address: &str, proxy: ListenerType) -> RequestType {
    RequestType::ActivateListener(ActivateListener {
        address: address.parse::<std::net::SocketAddr>().expect("an address").into(),
        proxy: proxy.into(),
        ..ActivateListener::default()
    })
}

#[test]
fn records_are_json_behind_each_other() {
    let mut writer = Writer::new(Vec::new());
    for request in [
        activate("127.0.0.1:8080", ListenerType::Http),
        activate("[::2]:443", ListenerType::Https),
        RequestType::Logging("info".into()),
    ] {
        writer.write(Request::from(request)).expect("memory");
    }
    let (text, count) = writer.finish().expect("memory");
    let wanted = concat!(
        r#"{"id":"SAVE-0","content":{"request_type":{"ACTIVATE_LISTENER":{"#,
        r#""address":{"ip":{"inner":{"V4":2130706433}},"port":8080},"#,
        r#""proxy":0,"from_scm":false,"interface":null}}}}"#,
        "\n\0",
        r#"{"id":"SAVE-1","content":{"request_type":{"ACTIVATE_LISTENER":{"#,
        r#""address":{"ip":{"inner":{"V6":{"low":2,"high":0}}},"port":443},"#,
        r#""proxy":1,"from_scm":false,"interface":null}}}}"#,
        "\n\0",
        r#"{"id":"SAVE-2","content":{"request_type":{"LOGGING":"info"}}}"#,
        "\n\0",
    );
    assert_eq!((String::from_utf8_lossy(&text).as_ref(), count), (wanted, 3));
    let again = requests(wanted);
    assert_eq!(again[1], Some(activate("[::2]:443", ListenerType::Https)));
    assert_eq!(again.len(), 3);
}

/// Lists, maps and optional fields may be missing; 2.1 does not know `mode`.
#[test]
fn what_an_older_version_wrote_is_read() {
    let text = concat!(
        r#"{"id":"SAVE-0","content":{"request_type":{"ADD_CLUSTER":{"cluster_id":"c","#,
        r#""sticky_session":false,"https_redirect":true,"load_balancing":2,"health_check":"#,
        r#"{"uri":"/","interval":1,"timeout":1,"healthy_threshold":2,"unhealthy_threshold":2,"#,
        r#""expected_status":0}}}}}"#,
        "\n\0",
    );
    let health_check = HealthCheckConfig {
        uri: "/".into(),
        interval: 1,
        timeout: 1,
        healthy_threshold: 2,
        unhealthy_threshold: 2,
        ..HealthCheckConfig::default()
    };
    let cluster = Cluster {
        cluster_id: "c".into(),
        https_redirect: true,
        load_balancing: 2,
        health_check: Some(health_check),
        ..Cluster::default()
    };
    assert_eq!(requests(text), [Some(RequestType::AddCluster(cluster))]);
}

#[test]
fn unknown_fields_and_space_are_skipped() {
    let record =
        "{ \"id\": \"a\",\n\"new\": [1],\n\"content\": {\"request_type\":{\"STATUS\":{}}} }";
    let status = Some(RequestType::Status(Status {}));
    for end in ["\n\0", "\0", "", "\n", "\n\0\n", " \n\0 \n\n"] {
        assert_eq!(requests(&format!("{record}{end}")), std::slice::from_ref(&status), "{end:?}");
    }
    for nothing in ["", "\n", " \n "] {
        assert_eq!(requests(nothing), []);
    }
}

#[test]
fn an_error_says_where_and_ends_the_reading() {
    let right = "{\"id\":\"a\",\"content\":{\"request_type\":{\"STATUS\":{}}}}\n\0";
    let place = format!("record 3 of the state file, at byte {}: ", 2 * right.len());
    for (wrong, why) in [
        ("{\"id\":\"a\"}\n\0", "missing field `content` at line 1 column 10"),
        ("{\"id\":\"a\",\"con", "expected `:` at line 1 column 17"),
        ("\n\0", "EOF while parsing a value at line 2 column 0"),
        ("{\"id\":\"a\",\"content\":{\"request_type\":{\"FLY\":{}}}}\0", "unknown variant `FLY`"),
    ] {
        let text = format!("{right}{right}{wrong}{right}");
        let records = read(&text, RECORD_LIMIT);
        assert_eq!(records.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
        let message = refused(&text);
        assert!(message.starts_with(&(place.clone() + why)), "{message}");
    }
}

#[test]
fn a_file_that_was_cut_is_not_right() {
    let message = refused("{\"id\":\"a\",\"con");
    let place = "record 1 of the state file, at byte 0: ";
    assert_eq!(message, format!("{place}EOF while parsing a string at line 1 column 14"));
}

#[test]
fn a_required_scalar_must_be_there() {
    let text = r#"{"id":"a","content":{"request_type":{"ADD_CLUSTER":{"cluster_id":"c"}}}}"#;
    assert!(refused(text).contains("missing field `sticky_session`"));
}

#[test]
fn a_record_has_a_greatest_length() {
    let record = "{\"id\":\"a\",\"content\":{\"request_type\":{\"STATUS\":{}}}}\n";
    let text = format!("{record}\0{record}\0");
    assert!(read(&text, record.len()).iter().all(Result::is_ok));
    let records = read(&text, record.len() - 1);
    let [Err(Error { record: 1, offset: 0, cause: Cause::TooLong(limit) })] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(*limit, record.len() - 1);
}
