//! Draws the charts of the report as SVG, with `plotters`.
//!
//! `page.css` restyles the charts by their colours: the SVG contains the colours of a light page, and each kind of
//! shape has a unique colour. Colour is never the only distinction: bars stack in the order of their legend, lines have
//! different dashes and carry their names, and each chart has a table next to it.

use std::io;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::states::{Swatch, stack, stacked};
use super::timeline::{Percentiles, STEPS_S, Timeline, TimelinePart};
use crate::clock;

const INK: Swatch = ("ink", 0x2B2F36);
const GRID: Swatch = ("grid", 0xDFE3E8);
const REQUESTS: Swatch = ("requests", 0x5B6F8F);
const LIMIT: Swatch = ("limit", 0xB3264A);
const P50: Swatch = ("p50", 0x1D4E89);
const P90: Swatch = ("p90", 0x2A78C2);
const P99: Swatch = ("p99", 0x7A52C7);

/// Text is 13 pixels high. `plotters` writes the font size divided by 1.24.
const FONT: f64 = 13.0 * 1.24;
const FONT_FAMILY: &str = "sans-serif";

/// The most horizontal bars in a chart; the table next to the chart has all groups.
const BARS: usize = 20;

/// Height of a horizontal bar with the space around it, in pixels.
const BAR: u32 = 30;

/// Half the width of the longest time label, such as `28 Feb 22:00`, in pixels: a label at the right end extends this
/// far beyond the chart.
const TIME_LABEL_OVERHANG: u32 = 48;

/// The width of a chart in pixels. The page scales the chart to its own width; a narrow page scrolls instead of
/// shrinking the text too far (see `page.css`).
const WIDTH: u32 = 760;

/// The most time labels that fit.
const TIME_LABELS: i64 = 7;

/// Width of the names of horizontal bars, in pixels.
const NAMES: u32 = 160;

/// Truncates a name to the available width.
fn cut(name: &str) -> String {
    match name.char_indices().nth(20) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Style rules that map the colours of all charts to CSS variables, with the values of a light page.
pub(crate) fn style() -> String {
    let mut values = String::new();
    let mut rules = String::new();
    let others = [REQUESTS, LIMIT, P50, P90, P99];
    for (name, hex) in [INK, GRID].into_iter().chain(stack()).chain(others) {
        // In the spelling that the SVG uses.
        let hex = format!("#{hex:06X}");
        values.push_str(&format!("--{name}:{hex};"));
        rules.push_str(&format!("svg [fill=\"{hex}\"]{{fill:var(--{name})}}"));
        rules.push_str(&format!("svg [stroke=\"{hex}\"]{{stroke:var(--{name})}}"));
        rules.push_str(&format!(".{name}{{--swatch:var(--{name})}}"));
        let dashes = match name {
            "p90" => "7 4",
            "p99" => "2 3",
            "limit" => "10 4",
            _ => continue,
        };
        rules.push_str(&format!("svg polyline[stroke=\"{hex}\"]{{stroke-dasharray:{dashes}}}"));
    }
    format!(":root{{{values}}}{rules}")
}

/// Settled rows in each part of the time, stacked by state.
pub(crate) fn outcomes(timeline: &Timeline) -> String {
    let most = timeline.parts.iter().map(|part| part.rows.total()).max().unwrap_or_default();
    over_time(timeline, linear(most), &|chart| {
        for (from, to, part) in spans(timeline) {
            draw_stack(chart, &stacked(&part.rows), |low, high| [(from, low), (to, high)])?;
        }
        Ok(())
    })
}

/// The most requests in any minute that ends in each part of the time, and the limit.
pub(crate) fn requests(timeline: &Timeline) -> String {
    let busiest = timeline.parts.iter().map(|part| part.busiest_minute).max().unwrap_or_default();
    let limit = timeline.limit_per_minute;
    // The same colour as failed rows.
    let throttled = stack().into_iter().find(|(name, _)| *name == "failed").map_or(BLACK, rgb);
    over_time(timeline, linear(busiest.max(limit.unwrap_or_default())), &|chart| {
        for (from, to, part) in spans(timeline).filter(|(_, _, part)| part.busiest_minute > 0) {
            let corners = [(from, 0.0), (to, exact(part.busiest_minute))];
            chart.draw_series([Rectangle::new(corners, rgb(REQUESTS).filled())])?;
        }
        for (from, to, part) in spans(timeline).filter(|(_, _, part)| part.throttled > 0) {
            let top = ((from + to) / 2.0, exact(part.busiest_minute));
            chart.draw_series([TriangleMarker::new(top, 6, throttled.filled())])?;
        }
        if let Some(limit) = limit {
            let (from, to) = ends(timeline);
            let line = vec![(from, exact(limit)), (to, exact(limit))];
            chart.draw_series([PathElement::new(line, rgb(LIMIT).stroke_width(2))])?;
        }
        Ok(())
    })
}

/// Percentiles of the time that the service took for creates, on a logarithmic scale.
pub(crate) fn latencies(timeline: &Timeline) -> String {
    let measured = || timeline.parts.iter().filter_map(|part| part.create_ms);
    let least = measured().map(|it| it.p50).min().unwrap_or(1);
    let most = measured().map(|it| it.p99).max().unwrap_or(1);
    let lines: [(Swatch, Percentile); 3] = [(P50, |it| it.p50), (P90, |it| it.p90), (P99, |it| it.p99)];
    over_time(timeline, logarithmic(least, most), &|chart| {
        for (color, value) in lines {
            for line in unbroken(timeline, value) {
                // A line with a single point would be invisible.
                match line.as_slice() {
                    [point] => chart.draw_series([Circle::new(*point, 3, rgb(color).filled())])?,
                    _ => chart.draw_series([PathElement::new(line, rgb(color).stroke_width(2))])?,
                };
            }
        }
        Ok(())
    })
}

/// Horizontal bars with names, each stacked in the order of [`stack`].
pub(crate) fn bars(rows: &[(String, Vec<u64>)]) -> String {
    let most = rows.iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or_default();
    let longest = exact(most.max(1));
    // Space for the number at the end of the longest bar.
    let right = longest * 1.1;
    let count = rows.len().min(BARS);
    let names: Vec<String> = rows.iter().map(|(name, _)| cut(name)).collect();
    let places = Axis {
        begin: exact(count as u64),
        end: 0.0,
        marks: (0..count).map(|index| exact(index as u64) + 0.5).collect(),
        label: Box::new(move |place| names.get(index_of(place)).cloned().unwrap_or_default()),
    };
    let lengths = Axis { begin: 0.0, end: right, marks: Vec::new(), label: Box::new(|_| String::new()) };
    let size = (WIDTH, u32::try_from(count).unwrap_or_default() * BAR + 16);
    svg(size, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin_top(4)
            .margin_bottom(4)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(lengths, places)?;
        chart.configure_mesh().disable_mesh().axis_style(rgb(GRID)).label_style(text(INK)).draw()?;
        for (index, (_, counts)) in rows.iter().take(count).enumerate() {
            let index = exact(index as u64);
            draw_stack(&mut chart, counts, |low, high| [(low, index + 0.2), (high, index + 0.8)])?;
            let total: u64 = counts.iter().sum();
            let end = EmptyElement::at((exact(total), index + 0.5))
                + Text::new(total.to_string(), (6, 0), text(INK).pos(Pos::new(HPos::Left, VPos::Center)));
            chart.draw_series([end])?;
        }
        Ok(())
    })
}

type Error = DrawingAreaErrorKind<io::Error>;
/// Selects one percentile.
type Percentile = fn(Percentiles) -> u64;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// A linear axis between two ends, with marks at given positions.
struct Axis {
    begin: f64,
    end: f64,
    marks: Vec<f64>,
    label: Box<dyn Fn(f64) -> String>,
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.begin) / (self.end - self.begin);
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.begin..self.end
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        (self.label)(*value)
    }
}

/// An axis from zero to a round number that is at least `most`.
fn linear(most: u64) -> Axis {
    let most = most.max(1);
    let mut step = 1;
    // At most six marks, at multiples of 1, 2 or 5 times a power of ten.
    while most.div_ceil(step) > 5 {
        let leading = step / 10_u64.pow(step.ilog10());
        step = if leading == 2 { step / 2 * 5 } else { step * 2 };
    }
    let count = most.div_ceil(step);
    let marks = (0..=count).map(|mark| exact(mark * step)).collect();
    Axis { begin: 0.0, end: exact(count * step), marks, label: Box::new(|value| format!("{value:.0}")) }
}

/// An axis in milliseconds between two powers of ten; positions are decimal logarithms.
fn logarithmic(least: u64, most: u64) -> Axis {
    let (first, last) = (least.max(1).ilog10(), most.max(1).ilog10() + 1);
    let label = |mark: f64| match 10_f64.powf(mark) {
        ms if ms < 999.0 => format!("{ms:.0} ms"),
        ms => format!("{:.0} s", ms / 1000.0),
    };
    Axis {
        begin: f64::from(first),
        end: f64::from(last),
        marks: (first..=last).map(f64::from).collect(),
        label: Box::new(label),
    }
}

fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Error>,
) -> String {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw(&area).and_then(|()| area.present()).expect("drawing into memory cannot fail");
    drop(area);
    text
}

/// A chart with time on the horizontal axis, in seconds since the Unix epoch.
fn over_time(
    timeline: &Timeline,
    axis: Axis,
    draw: &dyn Fn(&mut Chart<'_, '_>) -> Result<(), Error>,
) -> String {
    svg((WIDTH, 250), |area| {
        let (from, to) = ends(timeline);
        let zone = clock::zoned(timeline.from).time_zone().clone();
        let (marks, label) = times(from, to, zone);
        let mut chart = ChartBuilder::on(area)
            .margin_top(10)
            .margin_right(TIME_LABEL_OVERHANG)
            .x_label_area_size(30)
            .y_label_area_size(58)
            .build_cartesian_2d(Axis { begin: from, end: to, marks, label: Box::new(label) }, axis)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(rgb(GRID))
            .light_line_style(TRANSPARENT)
            .axis_style(rgb(GRID))
            .label_style(text(INK))
            .draw()?;
        draw(&mut chart)
    })
}

/// The positions of the time marks, and a function that labels a mark.
fn times(from: f64, to: f64, zone: TimeZone) -> (Vec<f64>, impl Fn(f64) -> String) {
    let fits = |step: &i64| (to - from) / seconds(*step) <= seconds(TIME_LABELS);
    let step = STEPS_S.into_iter().find(fits).map_or((to - from) / 2.0, seconds);
    // Whole hours and days are those of the time zone.
    let offset = f64::from(zone.to_offset(at(from)).seconds());
    let first = ((from + offset) / step).ceil() * step - offset;
    let marks = std::iter::successors(Some(first), |mark| Some(mark + step).filter(|&next| next <= to));
    let form = match step {
        step if step < 60.0 => "%H:%M:%S",
        step if step < 86_400.0 && to - from < 86_400.0 => "%H:%M",
        step if step < 86_400.0 => "%d %b %H:%M",
        step if step < 2_592_000.0 => "%d %b",
        _ => "%b %Y",
    };
    (marks.collect(), move |second| at(second).to_zoned(zone.clone()).strftime(form).to_string())
}

/// Draws the parts of a bar one after the other; `corners` maps the sums before and after a part to its rectangle.
fn draw_stack(
    chart: &mut Chart<'_, '_>,
    counts: &[u64],
    corners: impl Fn(f64, f64) -> [(f64, f64); 2],
) -> Result<(), Error> {
    let mut sum = 0;
    for (&count, color) in counts.iter().zip(stack()).filter(|(count, _)| **count > 0) {
        let part = corners(exact(sum), exact(sum + count));
        chart.draw_series([Rectangle::new(part, rgb(color).filled())])?;
        sum += count;
    }
    Ok(())
}

/// Lines through the parts of the time that have a value. A part without a value breaks the line.
fn unbroken(timeline: &Timeline, value: Percentile) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<Option<(f64, f64)>> = spans(timeline)
        .map(|(from, to, part)| Some(((from + to) / 2.0, exact(value(part.create_ms?).max(1)).log10())))
        .collect();
    let lines = points.split(Option::is_none).map(|line| line.iter().copied().flatten().collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Start and end of each part of the time, with a small gap between the parts.
fn spans(timeline: &Timeline) -> impl Iterator<Item = (f64, f64, &TimelinePart)> {
    let length = seconds(timeline.part_seconds);
    timeline.parts.iter().map(move |part| {
        let start = seconds(part.start.as_second());
        (start + length * 0.08, start + length * 0.92, part)
    })
}

fn ends(timeline: &Timeline) -> (f64, f64) {
    let from = seconds(timeline.from.as_second());
    let parts = u64::try_from(timeline.parts.len()).unwrap_or_default();
    (from, from + exact(parts) * seconds(timeline.part_seconds))
}

fn text(color: Swatch) -> TextStyle<'static> {
    (FONT_FAMILY, FONT).into_font().color(&rgb(color))
}

fn rgb((_, hex): Swatch) -> RGBColor {
    let [_, red, green, blue] = hex.to_be_bytes();
    RGBColor(red, green, blue)
}

#[expect(clippy::cast_precision_loss, reason = "places in a picture")]
fn exact(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "places in a picture")]
fn seconds(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds of the calendar")]
fn at(second: f64) -> Timestamp {
    clock::from_ms((second * 1000.0) as i64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the middle of a bar")]
fn index_of(place: f64) -> usize {
    place.floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{RowCounts, State};

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let check = |most: u64, marks: &[f64]| assert_eq!(linear(most).marks, marks, "{most}");
        check(0, &[0.0, 1.0]);
        check(3, &[0.0, 1.0, 2.0, 3.0]);
        check(7, &[0.0, 2.0, 4.0, 6.0, 8.0]);
        check(450, &[0.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        check(1_000_000, &[0.0, 200_000.0, 400_000.0, 600_000.0, 800_000.0, 1_000_000.0]);
    }

    #[test]
    fn names_cannot_leave_their_text() {
        let rows = [("</text><script>alert('x')</script>&\"".to_owned(), vec![1])];
        let drawn = bars(&rows);
        assert!(drawn.contains("&lt;/text&gt;&lt;script&gt;"), "{drawn}");
        assert!(!drawn.contains("<script"), "{drawn}");
    }

    #[test]
    fn the_label_of_the_last_time_is_whole() {
        // At least as wide as browsers draw a character in their default font, in pixels.
        const CHARACTER: u32 = 8;
        let from: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let mut created = RowCounts::default();
        created.add(State::Created, 1);
        let timeline = Timeline {
            from,
            part_seconds: 7200,
            limit_per_minute: None,
            parts: vec![TimelinePart { start: from, rows: created, ..TimelinePart::default() }; 24],
        };
        let label = regex::Regex::new(r#"<text x="(\d+)"[^>]*>\s*(0[23] Mar(?: \d\d:\d\d)?)\s*<"#).unwrap();
        let drawn = outcomes(&timeline);
        let last = label.captures(&drawn).unwrap_or_else(|| panic!("not marked: {drawn}"));
        let (middle, characters): (u32, _) =
            (last[1].parse().unwrap(), u32::try_from(last[2].len()).unwrap());
        assert!(middle + characters * CHARACTER / 2 <= WIDTH, "{middle}");
    }

    #[test]
    fn a_time_is_marked_where_people_look() {
        let utc = || TimeZone::UTC;
        let check = |from: &str, seconds_long: f64, zone: TimeZone, expected: &[&str]| {
            let from = seconds(from.parse::<Timestamp>().unwrap().as_second());
            let (marks, label) = times(from, from + seconds_long, zone);
            assert_eq!(marks.into_iter().map(label).collect::<Vec<_>>(), expected);
        };
        let moments = ["10:00:05", "10:00:10", "10:00:15", "10:00:20", "10:00:25", "10:00:30"];
        check("2026-03-01T10:00:03Z", 28.0, utc(), &moments);
        let hours = ["22:00", "23:00", "00:00", "01:00", "02:00", "03:00", "04:00"];
        check("2026-03-01T22:00:00Z", 6.0 * 3600.0, utc(), &hours);
        let days = ["02 Mar", "04 Mar", "06 Mar", "08 Mar", "10 Mar", "12 Mar"];
        check("2026-03-01T22:00:00Z", 12.0 * 86_400.0, utc(), &days);
        let kolkata = TimeZone::fixed(jiff::tz::Offset::from_seconds(19_800).unwrap());
        check("2026-03-01T16:30:00Z", 6.0 * 3600.0, kolkata.clone(), &hours);
        check("2026-03-01T16:30:00Z", 12.0 * 86_400.0, kolkata, &days);
    }
}
