//! Numbers as people read them, in few columns.

use jiff::Timestamp;

/// What is not known.
pub(super) const NONE: &str = "–";

/// Of a second.
pub(super) fn rate(value: Option<f64>) -> String {
    match value {
        None => NONE.to_owned(),
        Some(value) if value > 0.0 && value < 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

/// Bytes of a second.
pub(super) fn bytes(value: Option<f64>) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let Some(mut value) = value else { return NONE.to_owned() };
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{value:.0} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// Milliseconds.
pub(super) fn ms(value: Option<u64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// `2 of 3`; workers may not agree.
pub(super) fn part([some, all]: [f64; 2]) -> String {
    let one =
        |value: f64| if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.1}") };
    format!("{} of {}", one(some), one(all))
}

/// An instant, in seconds since 1970, without its zone, which is UTC.
pub(super) fn instant(seconds: i64) -> String {
    let text = Timestamp::from_second(seconds).map(|time| time.to_string());
    text.map_or_else(|_| NONE.to_owned(), |text| text.replace('T', " ").replace('Z', ""))
}

/// Its hour, minute and second.
pub(super) fn time_of_day(seconds: i64) -> String {
    instant(seconds).split_once(' ').map_or(NONE, |(_, time)| time).to_owned()
}

/// From now until then: `5 d`, `3 h`, `ended`.
pub(super) fn left(seconds: i64) -> String {
    const HOUR: i64 = 3600;
    match seconds {
        ..=0 => "ended".to_owned(),
        1..HOUR => format!("{} min", seconds / 60),
        HOUR..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let rates = [None, Some(0.0), Some(0.25), Some(9.96), Some(1234.5)].map(rate);
        assert_eq!(rates, ["–", "0", "0.2", "10.0", "1234"]);
        assert_eq!([Some(5.0), Some(1536.0), Some(3e12)].map(bytes), ["5 B", "1.5 KiB", "2.7 TiB"]);
        assert_eq!([part([2.0, 3.0]), part([0.5, 1.0])], ["2 of 3", "0.5 of 1"]);
        assert_eq!(
            [left(-1), left(90), left(7200), left(864_000)],
            ["ended", "1 min", "2 h", "10 d"]
        );
        assert_eq!(
            (instant(0).as_str(), time_of_day(61).as_str()),
            ("1970-01-01 00:00:00", "00:01:01")
        );
    }
}
