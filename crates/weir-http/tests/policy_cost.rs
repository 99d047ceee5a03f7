//! What policy costs for an ordinary message, in instructions. These tests assert nothing and are
//! run by hand like those of `h1_cost`.

mod ordinary;

use std::hint::black_box;

use ordinary::{LIMITS, REQUEST, RESPONSE, ROUNDS};
use weir_http::{
    answers::{Template, Variables},
    h1::{HeadEncoder, parse_request, parse_response},
    message::{Fields, Method},
    policy::{
        ClientIdentity, Edits, ForwardOptions, RequestContext, RequestId, ResponseContext,
        request_fields, response_fields,
    },
};

#[test]
#[ignore = "measures, asserts nothing"]
fn forward_a_request() {
    let mut fields = Fields::with_capacity(100);
    let head = parse_request(REQUEST, &LIMITS, &mut fields).expect("valid").expect("complete");
    let options = ForwardOptions {
        correlation: b"Sozu-Id".as_slice().into(),
        sticky_name: b"SOZUBALANCEID".as_slice().into(),
        elide_x_real_ip: false,
        send_x_real_ip: false,
    };
    let cx = RequestContext {
        client: ([192, 0, 2, 7], 47_111).into(),
        public: ([198, 51, 100, 1], 8080).into(),
        https: false,
        id: &RequestId::new(1_764_072_000_000, 1 << 70),
        options: &options,
        strip_sticky: false,
        edits: &Edits::default(),
        host: None,
        identity: ClientIdentity::default(),
    };
    let mut out = Vec::with_capacity(4096);
    for _ in 0..ROUNDS {
        out.clear();
        let mut sink = HeadEncoder::request(&mut out, b"GET", b"/");
        request_fields(&head, &fields, black_box(REQUEST), &cx, &mut sink);
        sink.finish();
        black_box(&out);
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn forward_a_response() {
    let mut fields = Fields::with_capacity(100);
    assert!(parse_response(RESPONSE, &LIMITS, &mut fields, Method::Get).is_ok());
    let cx = ResponseContext {
        id: &RequestId::new(1_764_072_000_000, 1 << 70),
        correlation: b"Sozu-Id",
        sticky: None,
        edits: &Edits::default(),
        date: b"Sun, 06 Nov 1994 08:49:37 GMT",
        trailers: false,
        hsts: None,
    };
    let mut out = Vec::with_capacity(4096);
    for _ in 0..ROUNDS {
        out.clear();
        let mut sink = HeadEncoder::response(&mut out, 200, b"OK");
        response_fields(&fields, black_box(RESPONSE), &cx, &mut sink);
        sink.finish();
        black_box(&out);
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn name_a_request() {
    for round in 0..ROUNDS as u64 {
        black_box(RequestId::new(black_box(1_764_072_000_000 + round), 1 << 70));
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn render_a_redirect() {
    let id = RequestId::new(1_764_072_000_000, 1 << 70);
    let variables = Variables {
        redirect_location: b"https://www.example.org/api/v1/items?page=2",
        request_id: id.as_str(),
        correlation: "Sozu-Id",
        ..Variables::default()
    };
    let mut out = Vec::with_capacity(4096);
    for _ in 0..ROUNDS {
        out.clear();
        Template::builtin(301).render(black_box(&variables), false, true, &mut out);
        black_box(&out);
    }
}
