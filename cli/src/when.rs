//! Times and spans as people write and read them, in the zone of the machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parley_protocol::{MAX_RETENTION, Millis};

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

fn format(at: Millis, form: &str) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.to_zoned(TimeZone::system()).strftime(form).to_string())
}

/// `14:02`
pub(crate) fn clock(at: Millis) -> String {
    format(at, "%H:%M")
}

/// `Thursday 1 October 2026`
pub(crate) fn day(at: Millis) -> String {
    format(at, "%A %-d %B %Y")
}

/// Equal for times of one day.
pub(crate) fn day_key(at: Millis) -> String {
    format(at, "%F")
}

/// `14:02` today, `Mon 14:02` in the last days, `2026-10-01` before.
pub(crate) fn short(at: Millis) -> String {
    let now = now();
    if day_key(at) == day_key(now) {
        return clock(at);
    }
    let age = now.saturating_sub(at);
    format(at, if age < 6 * 86_400_000 { "%a %H:%M" } else { "%F" })
}

/// `2026-10-01 14:02`
pub(crate) fn full(at: Millis) -> String {
    format(at, "%F %H:%M")
}

/// `in 5 s`, `in 3 min`.
pub(crate) fn until(at: Millis) -> String {
    let seconds = at.saturating_sub(now()).div_ceil(1_000);
    match seconds {
        0 => "now".to_owned(),
        1..=119 => format!("in {seconds} s"),
        120..=7_199 => format!("in {} min", seconds / 60),
        _ => format!("at {}", full(at)),
    }
}

/// `0.4 ms`, `23 ms`, from microseconds.
pub(crate) fn round_trip(micros: u32) -> String {
    let ms = f64::from(micros) / 1_000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// A span: a number with s, m, h, d or w.
///
/// # Errors
/// A sentence that says what a span looks like.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time; it looks like 30m, 8h, 7d or 2w");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits).unwrap_or_default() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

/// For how long a chat is kept, in seconds; nothing stands for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Retention(pub(crate) Option<u64>);

/// A span, or `forever`.
///
/// # Errors
/// A sentence that says what is allowed.
pub(crate) fn parse_retention(text: &str) -> Result<Retention, String> {
    if text == "forever" {
        return Ok(Retention(None));
    }
    let seconds = parse_span(text).map_err(|wrong| format!("{wrong}, or is `forever`"))?.as_secs();
    if seconds > MAX_RETENTION {
        return Err(format!("`{text}` is too long: at most 3650d, or `forever`"));
    }
    Ok(Retention(Some(seconds)))
}

/// `90 days`, `36 hours`: a span in the largest unit that it is a whole number of.
pub(crate) fn span(seconds: u64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, "second"));
    let count = seconds / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(parse_span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in ["", "8", "h", "8 h", "-1h", "0d", "99999999999999999999w", "8x"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_chat_is_kept_for_a_span_or_for_ever() {
        assert_eq!(parse_retention("forever"), Ok(Retention(None)));
        assert_eq!(parse_retention("90d"), Ok(Retention(Some(90 * 86_400))));
        for bad in ["", "90", "0d", "3651d", "ever"] {
            assert!(parse_retention(bad).is_err(), "{bad}");
        }
        let said = [(86_400, "1 day"), (90 * 86_400, "90 days"), (5_400, "90 minutes"), (1, "1 second")];
        for (seconds, words) in said {
            assert_eq!(span(seconds), words);
        }
    }

    #[test]
    fn round_trips_are_short() {
        assert_eq!(round_trip(420), "0.4 ms");
        assert_eq!(round_trip(23_400), "23 ms");
    }

    #[test]
    fn times_out_of_range_do_not_panic() {
        assert_eq!(clock(u64::MAX), "?");
        assert_eq!(until(0), "now");
    }
}
