//! Charts as SVG.

use std::fmt::Write as _;

use super::statistics::Point;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;

/// A chart: its height, and what is drawn, from the origin on.
#[derive(Debug)]
pub(super) struct Chart {
    pub height: f64,
    pub body: String,
}

/// Several charts, one below the other, as a document of its own.
pub(super) fn document(charts: &[Chart]) -> String {
    let height: f64 = charts.iter().map(|chart| chart.height).sum();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut top = 0.0;
    for chart in charts {
        let _ = writeln!(text, "<g transform=\"translate(0 {top})\">\n{}</g>", chart.body);
        top += chart.height;
    }
    text + "</svg>\n"
}

/// Text as it stands in XML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Other control characters cannot stand in XML at all.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A time in microseconds, for people.
pub(super) fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} \u{b5}s"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// How long transactions took, one after another, on a logarithmic scale: the slowest and the mean of each point.
pub(super) fn latency(points: &[Point]) -> Chart {
    let (height, top, bottom) = (320.0, 40.0, 40.0);
    let highest = points.iter().map(|point| point.slowest).max().unwrap_or(1).max(10);
    let decades = (highest as f64).log10().ceil();
    let last = points.last().map_or(1, |point| point.first + point.count - 1).max(1);
    let x = |transaction: u64| LEFT + (WIDTH - LEFT - RIGHT) * transaction as f64 / last as f64;
    let y = |micros: f64| {
        let share = micros.max(1.0).log10() / decades;
        height - bottom - (height - top - bottom) * share
    };
    let mut body = title("Time in the rules by transaction");
    for decade in 0..=decades as u32 {
        let (at, label) = (y(10f64.powi(decade as i32)), time(10u64.saturating_pow(decade)));
        let right = WIDTH - RIGHT;
        let _ = writeln!(body, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for share in 0..=4u64 {
        let transaction = last * share / 4;
        let (at, below) = (x(transaction), height - bottom + 18.0);
        let _ =
            writeln!(body, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{transaction}</text>");
    }
    for point in points {
        let at = x(point.first + point.count / 2);
        let (slowest, base) = (y(point.slowest as f64), y(1.0));
        let _ = writeln!(body, "<path d=\"M{at:.1} {base:.1}V{slowest:.1}\" stroke=\"#9bc\"/>");
    }
    let mut line = String::new();
    for point in points {
        let mean = point.total as f64 / point.count.max(1) as f64;
        let command = if line.is_empty() { 'M' } else { 'L' };
        let _ = write!(line, "{command}{:.1} {:.1}", x(point.first + point.count / 2), y(mean));
    }
    let _ = writeln!(body, "<path d=\"{line}\" fill=\"none\" stroke=\"#024\"/>");
    Chart { height, body }
}

/// A bar for each name.
pub(super) fn bars(heading: &str, rows: &[(String, usize)]) -> Chart {
    let (line, top, names) = (18.0, 40.0, 240.0);
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    let room = WIDTH - names - RIGHT - 80.0;
    let mut body = title(heading);
    for (at, (name, count)) in rows.iter().enumerate() {
        let (y, length) = (top + line * at as f64, room * *count as f64 / most as f64);
        let (name, text, end) = (escaped(name), y + 12.0, names + length + 6.0);
        let _ = writeln!(body, "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>", names - 8.0);
        let _ = writeln!(
            body,
            "<rect x=\"{names}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"#9bc\"/>",
            line - 4.0
        );
        let _ = writeln!(body, "<text x=\"{end:.1}\" y=\"{text}\">{count}</text>");
    }
    Chart { height: top + line * rows.len() as f64 + 20.0, body }
}

fn title(text: &str) -> String {
    format!("<text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{}</text>\n", escaped(text))
}
