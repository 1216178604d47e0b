//! The figures of a run as a picture: a panel for each figure of the start and for each kind of change, over the size
//! of the network.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Daemon, Run, Size};

/// Panels beside each other, and their size in pixels.
const COLUMNS: usize = 4;
const PANEL: (u32, u32) = (300, 220);

const OURS: RGBColor = RGBColor(0, 90, 160);
const THEIRS: RGBColor = RGBColor(200, 90, 0);

type Failed = DrawingAreaErrorKind<std::io::Error>;

/// A panel: its title, and points of both daemons, each a number of logical flows and a figure.
struct Panel {
    title: String,
    ours: Vec<(f64, f64)>,
    theirs: Vec<(f64, f64)>,
}

/// A figure, if the daemon was measured in that.
type Figure<'a> = &'a dyn Fn(&Daemon) -> Option<f64>;

/// The picture, as SVG.
pub(super) fn svg(run: &Run) -> Result<String, String> {
    let panels = panels(run);
    let rows = panels.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32 + 30);
    let mut text = String::new();
    draw(
        &SVGBackend::with_string(&mut text, size).into_drawing_area(),
        &panels,
        rows,
        &run.reference_version,
    )
    .map_err(|error| error.to_string())?;
    Ok(text)
}

fn panels(run: &Run) -> Vec<Panel> {
    let mut panels = vec![
        panel(run, "start: CPU, ms", &|daemon| Some(daemon.cold.cpu_ms)),
        panel(run, "start: memory, MiB", &|daemon| Some(daemon.memory.now)),
        panel(run, "memory at the end, MiB", &|daemon| Some(daemon.at_end.as_ref()?.memory.now)),
    ];
    let changes = run.sizes.first().map_or(&[][..], |size| &size.northflow.changes[..]);
    panels.extend(changes.iter().map(|change| {
        let name = change.change;
        panel(run, &format!("{name}: CPU, ms"), &|daemon| {
            Some(daemon.changes.iter().find(|change| change.change == name)?.cpu_ms.median)
        })
    }));
    panels
}

fn panel(run: &Run, title: &str, figure: Figure<'_>) -> Panel {
    let points = |of: &dyn Fn(&Size) -> Option<f64>| -> Vec<(f64, f64)> {
        run.sizes.iter().filter_map(|size| Some((flows(size), of(size)?))).collect()
    };
    Panel {
        title: title.to_owned(),
        ours: points(&|size| figure(&size.northflow)),
        theirs: points(&|size| figure(size.reference.as_ref()?)),
    }
}

/// How large a network is: its logical flows.
fn flows(size: &Size) -> f64 {
    size.northflow.rows.get("Logical_Flow").copied().unwrap_or(0).max(1) as f64
}

fn draw(
    whole: &DrawingArea<SVGBackend<'_>, Shift>,
    panels: &[Panel],
    rows: usize,
    version: &str,
) -> Result<(), Failed> {
    whole.fill(&WHITE)?;
    let (head, body) = whole.split_vertically(30);
    let text = |color: &RGBColor| ("sans-serif", 16).into_font().color(color);
    head.draw(&Text::new("northflow", (20, 8), text(&OURS)))?;
    head.draw(&Text::new(format!("ovn-northd {version}"), (120, 8), text(&THEIRS)))?;
    head.draw(&Text::new("over the number of logical flows", (300, 8), text(&BLACK)))?;
    for (area, panel) in body.split_evenly((rows, COLUMNS)).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    whole.present()
}

fn draw_panel(area: &DrawingArea<SVGBackend<'_>, Shift>, panel: &Panel) -> Result<(), Failed> {
    let both = || panel.ours.iter().chain(&panel.theirs);
    let (Some(x), Some(y)) = (span(both().map(|point| point.0)), span(both().map(|point| point.1))) else {
        return Ok(());
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 14))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(44)
        .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
    let number = |value: &f64| if *value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(4)
        .y_labels(5)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&number)
        .draw()?;
    for (points, color) in [(&panel.ours, OURS), (&panel.theirs, THEIRS)] {
        chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, color.filled())))?;
    }
    Ok(())
}

/// What an axis spans: whole decades with all values well inside; nothing where there are none above zero.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.filter(|value| *value > 0.0).collect();
    let least = values.iter().copied().reduce(f64::min)?;
    let most = values.iter().copied().reduce(f64::max)?;
    let decade = |value: f64| 10f64.powf(value);
    Some((decade((least / 1.1).log10().floor()), decade((most * 1.1).log10().ceil())))
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{daemon, run};
    use super::*;

    #[test]
    fn every_figure_has_its_panel_with_both_daemons() {
        let run = run(daemon(90.0, 1.0, 700), daemon(900.0, 1.4, 7000));
        let text = svg(&run).unwrap();
        for title in ["start: CPU, ms", "start: memory, MiB", "port add: CPU, ms", "ovn-northd 26.03.1"] {
            assert!(text.contains(title), "{title}: {text}");
        }
        // Four panels, two sizes, two daemons.
        assert_eq!(text.matches("<circle ").count(), 4 * 2 * 2);
        assert!(text.contains("#005AA0") && text.contains("#C85A00"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let mut run = run(daemon(90.0, 1.0, 700), daemon(900.0, 1.4, 7000));
        run.sizes[1].reference = None;
        let cpu = panel(&run, "start", &|daemon| Some(daemon.cold.cpu_ms));
        assert_eq!((cpu.ours, cpu.theirs), (vec![(700.0, 90.0), (7000.0, 900.0)], vec![(700.0, 100.0)]));
        run.sizes.clear();
        assert!(svg(&run).unwrap().starts_with("<svg"));
    }

    #[test]
    fn an_axis_spans_decades() {
        assert_eq!(span([20.0, 0.0, 300.0].into_iter()), Some((10.0, 1000.0)));
        assert_eq!(span([1.0].into_iter()), Some((0.1, 10.0)));
        assert_eq!(span(std::iter::empty()), None);
    }
}
