use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::{draw, place};
use super::model::{Model, News, Step};
use crate::watch::{Certificate, Cluster, Inventory, Listener, Number, Picture, Seen, Traffic};

/// 2026-01-01 00:00:00
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn traffic(requests: f64, failed: f64, p99: u64) -> Traffic {
    Traffic {
        requests: Some(requests),
        errors: Some(failed / 2.0),
        failed: Some(failed),
        bytes_in: Some(requests * 210.0),
        bytes_out: Some(requests * 1500.0),
        p50: Some(1),
        p99: Some(p99),
    }
}

fn cluster(id: &str, traffic: Traffic, available: [f64; 2]) -> Cluster {
    let backends = (0..available[1] as u64).map(|n| Cluster {
        id: format!("{id}-{n}"),
        traffic: Traffic { requests: traffic.requests.map(|r| r / (n + 2) as f64), ..traffic },
        connections: n,
        available: [f64::from(u8::from((n as f64) < available[0])), 1.0],
        ..Cluster::default()
    });
    let (id, backends) = (id.to_owned(), backends.collect());
    Cluster { id, traffic: traffic.clone(), connections: 3, available, backends, hidden: 0 }
}

fn number(name: &str, value: u64, rate: Option<f64>) -> Number {
    Number { name: name.to_owned(), value, rate }
}

fn picture(requests: f64) -> Arc<Picture> {
    Arc::new(Picture {
        epoch: 41,
        workers: 2,
        total: traffic(requests, 0.5, 12),
        connections: [25, 10_000],
        accepted: Some(3.0),
        waiting: 0,
        buffers: [12, 1000],
        clusters: vec![
            cluster("api", traffic(requests - 10.0, 0.0, 9), [2.0, 2.0]),
            cluster("shop\u{1b}[31m", traffic(10.0, 0.5, 40), [1.5, 2.0]),
            cluster("idle", Traffic::default(), [0.0, 1.0]),
        ],
        http2: vec![
            number("h2.connection.active_streams", 7, None),
            number("h2.frames.rx.headers", 120_394, Some(51.5)),
            number("http.alpn.h2", 210, Some(0.2)),
        ],
        ..Picture::default()
    })
}

fn inventory() -> Inventory {
    let listener = |protocol, address: &str, public: &str, active| Listener {
        protocol,
        address: address.to_owned(),
        public: public.to_owned(),
        active,
        proxied: protocol == "TCP",
    };
    let certificate = |first: &str, names: &str, ends| Certificate {
        fingerprint: first.repeat(32),
        names: names.to_owned(),
        ends,
    };
    Inventory {
        listeners: vec![
            listener("HTTP", "0.0.0.0:80", "", true),
            listener("HTTPS", "[::]:443", "203.0.113.7:443", true),
            listener("TCP", "127.0.0.1:5432", "", false),
        ],
        certificates: vec![
            certificate("a1", "shop.example, www.shop.example", Some(NOW + 60 * DAY)),
            certificate("b2", "api.example", Some(NOW + 3 * DAY)),
            certificate("c3", "old.example", Some(NOW - DAY)),
            certificate("d4", "", None),
        ],
    }
}

fn events() -> Vec<Seen> {
    let event = |ago: i64, text: &str| Seen { time: (NOW - ago) as u64, text: text.to_owned() };
    vec![
        event(5, "0, BACKEND_UP cluster=shop backend=shop-1 address=127.0.0.1:1028"),
        event(65, "0, BACKEND_DOWN cluster=shop backend=shop-1 address=127.0.0.1:1028"),
    ]
}

/// What somebody sees after a while.
fn model() -> Model {
    let mut model = Model::default();
    model.take(News::Inventory(inventory().into()), NOW);
    for turn in 1..40_u8 {
        model.take(News::Picture(picture(50.0 + f64::from(turn) * 25.0), events()), NOW);
    }
    model
}

fn press(model: &mut Model, keys: &str) -> Step {
    let code = |c| match c {
        '\n' => KeyCode::Enter,
        '\u{1b}' => KeyCode::Esc,
        '→' => KeyCode::Right,
        '←' => KeyCode::Left,
        '↓' => KeyCode::Down,
        '↑' => KeyCode::Up,
        'E' => KeyCode::End,
        c => KeyCode::Char(c),
    };
    let mut step = Step::On;
    for key in keys.chars() {
        let place = place(model.view(), 24);
        step = model.press(KeyEvent::new(code(key), KeyModifiers::NONE), place);
    }
    step
}

fn screen_of(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(model, frame)).expect("drawn");
    terminal.backend().to_string()
}

fn screen(model: &Model) -> String {
    screen_of(model, 80, 24)
}

#[test]
fn every_view_fits_the_smallest_terminal() {
    let mut model = model();
    let views =
        ["overview", "clusters", "backends", "listeners", "certificates", "http2", "events"];
    for (i, name) in views.iter().enumerate() {
        press(&mut model, &(i + 1).to_string());
        insta::assert_snapshot!(*name, screen(&model));
    }
    press(&mut model, "?");
    insta::assert_snapshot!("help", screen(&model));
}

#[test]
fn a_large_terminal_is_used() {
    insta::assert_snapshot!("large", screen_of(&model(), 140, 30));
}

#[test]
fn before_the_first_answer_and_without_one_it_says_so() {
    let mut model = Model::default();
    assert!(screen(&model).contains("asking…"));
    let why = "/run/weir.sock: there is\nno such file";
    model.take(News::Away(why.to_owned()), NOW);
    let text = screen(&model);
    assert!(text.contains("Weir does not answer, asking again: /run/weir.sock"), "{text}");
    model.take(News::Picture(Arc::default(), Vec::new()), NOW);
    let text = screen(&model);
    assert!(!text.contains("does not answer") && text.contains("no cluster has been"), "{text}");
}

/// The first words of the rows of the table.
fn first(model: &Model) -> Vec<String> {
    model.rows().iter().map(|row| row[0].text.clone()).collect()
}

#[test]
fn rows_are_sorted_by_what_was_chosen() {
    let mut model = model();
    press(&mut model, "2");
    assert_eq!(first(&model), ["api", "shop\u{fffd}[31m", "idle"], "the busiest first");
    press(&mut model, "→→");
    assert_eq!(first(&model)[0], "shop\u{fffd}[31m", "most of 5xx");
    press(&mut model, "r");
    assert_eq!(first(&model)[..2], ["api", "shop\u{fffd}[31m"], "what is not known stays last");
    press(&mut model, "←←←");
    assert_eq!(first(&model), ["api", "idle", "shop\u{fffd}[31m"], "by name");
    press(&mut model, "5");
    assert_eq!(
        first(&model)[..3],
        ["old.example", "api.example", "shop.example, www.shop.example"]
    );
    press(&mut model, "2");
    assert_eq!(first(&model)[1], "idle", "a view stays sorted");
}

#[test]
fn a_filter_is_typed_kept_and_ended() {
    let mut model = model();
    press(&mut model, "3/SHOP");
    assert_eq!(first(&model).len(), 2);
    assert!(screen(&model).contains("/SHOP"), "it is seen while it is typed");
    assert_eq!(press(&mut model, "q"), Step::On, "a letter of the filter");
    assert!(screen(&model).contains("no row has that text"));
    press(&mut model, "\u{1b}/i-1\n");
    assert_eq!(first(&model), ["api-1"]);
    assert!(screen(&model).contains("only rows with “i-1”"));
    press(&mut model, "\u{1b}");
    assert_eq!(first(&model).len(), 5);
}

#[test]
fn while_paused_nothing_moves() {
    let mut model = model();
    press(&mut model, " ");
    let before = screen(&model);
    assert!(before.contains("paused"));
    model.take(News::Picture(picture(9999.0), Vec::new()), NOW + 60);
    model.take(News::Inventory(Arc::default()), NOW + 60);
    assert_eq!(screen(&model), before);
    model.take(News::Away("gone".to_owned()), NOW + 60);
    assert!(screen(&model).contains("does not answer"), "that is said all the same");
    press(&mut model, " ");
    model.take(News::Picture(picture(9999.0), Vec::new()), NOW + 62);
    assert!(screen(&model).contains("9999"));
}

#[test]
fn rows_are_scrolled_to_the_last_and_no_further() {
    let mut model = Model::default();
    let number = |i: u64| number(&format!("h2.{i:03}"), i + 1, None);
    let http2 = (0..100).map(number).collect();
    model.take(News::Picture(Arc::new(Picture { http2, ..Picture::default() }), vec![]), NOW);
    press(&mut model, "6E↓↓");
    let text = screen(&model);
    assert!(
        text.contains("h2.099") && text.contains("h2.080") && !text.contains("h2.079"),
        "{text}"
    );
    press(&mut model, "↑");
    assert!(screen(&model).contains("h2.079"), "one key, one row");
}

#[test]
fn it_ends_when_asked() {
    let mut model = model();
    assert_eq!(press(&mut model, "?1"), Step::On);
    assert!(!screen(&model).contains("Keys"), "any key closes the help");
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    press(&mut model, "/");
    assert_eq!(model.press(interrupt, 1), Step::End);
    assert_eq!(press(&mut model, "\u{1b}q"), Step::End);
}
