//! RFC 3339 timestamps in UTC, with microseconds.

/// Bytes of `YYYY-MM-DDTHH:MM:SS.uuuuuuZ`.
pub(crate) const STAMP_BYTES: usize = 27;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// Formats instants; the date and time of the last second are kept, so that only the microseconds
/// are written when the next instant lies in the same second.
///
/// Every `u64` of nanoseconds is formatted: they end in the year 2554.
#[derive(Clone, Debug)]
pub struct Stamp {
    second: u64,
    text: [u8; STAMP_BYTES],
}

impl Default for Stamp {
    fn default() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000000Z" }
    }
}

impl Stamp {
    /// The text of an instant, in nanoseconds since the Unix epoch.
    pub fn at(&mut self, unix_ns: u64) -> &[u8; STAMP_BYTES] {
        let second = unix_ns / NANOS_PER_SECOND;
        if second != self.second {
            self.second = second;
            self.write_second();
        }
        let micros = (unix_ns % NANOS_PER_SECOND / 1_000) as u32;
        two_digits(&mut self.text, 20, micros / 10_000);
        two_digits(&mut self.text, 22, micros / 100 % 100);
        two_digits(&mut self.text, 24, micros % 100);
        &self.text
    }

    fn write_second(&mut self) {
        let of_day = (self.second % SECONDS_PER_DAY) as u32;
        let (year, month, day) = civil_date(self.second / SECONDS_PER_DAY);
        two_digits(&mut self.text, 0, year / 100);
        two_digits(&mut self.text, 2, year % 100);
        two_digits(&mut self.text, 5, month);
        two_digits(&mut self.text, 8, day);
        two_digits(&mut self.text, 11, of_day / 3_600);
        two_digits(&mut self.text, 14, of_day / 60 % 60);
        two_digits(&mut self.text, 17, of_day % 60);
    }
}

fn two_digits(text: &mut [u8; STAMP_BYTES], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

/// Year, month (1..=12) and day (1..=31) of a day counted from 1970-01-01, proleptic Gregorian.
///
/// Years are taken to begin in March: the leap day is then the last of its year, and the month
/// lengths from March on repeat every five months (153 days).
fn civil_date(days: u64) -> (u32, u32, u32) {
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    const DAYS_BEFORE_EPOCH: u64 = 719_468; // from 0000-03-01 to 1970-01-01
    let shifted = days + DAYS_BEFORE_EPOCH;
    let era = shifted / DAYS_PER_ERA;
    let day_of_era = shifted % DAYS_PER_ERA;
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = if months_from_march < 10 { months_from_march + 3 } else { months_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn by_jiff(unix_ns: u64) -> String {
        Timestamp::from_nanosecond(i128::from(unix_ns))
            .expect("in range")
            .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
            .to_string()
    }

    fn by_us(stamp: &mut Stamp, unix_ns: u64) -> String {
        String::from_utf8(stamp.at(unix_ns).to_vec()).expect("ASCII")
    }

    #[test]
    fn every_day_of_the_range_has_the_right_date() {
        let mut stamp = Stamp::default();
        for day in 0..u64::MAX / NANOS_PER_SECOND / SECONDS_PER_DAY {
            let last_ns = (day + 1) * SECONDS_PER_DAY * NANOS_PER_SECOND - 1;
            let (year, month, date) = civil_date(day);
            let jiff = Timestamp::from_nanosecond(i128::from(last_ns)).expect("in range");
            let jiff = jiff.to_zoned(jiff::tz::TimeZone::UTC);
            assert_eq!(
                (year as i16, month as i8, date as i8),
                (jiff.year(), jiff.month(), jiff.day())
            );
            if day % 1_000 == 0 {
                assert_eq!(by_us(&mut stamp, last_ns), by_jiff(last_ns));
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_are_formatted() {
        let mut stamp = Stamp::default();
        assert_eq!(by_us(&mut stamp, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(by_us(&mut stamp, u64::MAX), "2554-07-21T23:34:33.709551Z");
        assert_eq!(by_us(&mut stamp, 999_999_999), "1970-01-01T00:00:00.999999Z");
    }

    proptest! {
        #[test]
        fn a_kept_second_never_shows_in_another(
            base in any::<u64>(),
            steps in prop::collection::vec(0..3_000_000_000_u64, 1..20),
        ) {
            let mut stamp = Stamp::default();
            for step in steps {
                let unix_ns = base.wrapping_add(step);
                prop_assert_eq!(by_us(&mut stamp, unix_ns), by_jiff(unix_ns));
            }
        }
    }
}
