"""Rows to geometry."""

from metrics.charts import HEIGHT, Series, line_chart, sparkline


def test_a_line_has_a_gap_where_there_is_no_value():
    chart = line_chart(["Jan", "Feb", "Mar", "Apr"], [Series("k1", "Median", [4, 6, None, 5])], 9)
    (line,) = chart.lines
    assert line.path.count("M") == 2
    assert line.path.endswith("h0.1")


def test_bars_of_the_scale_begin_at_zero_and_end_above_the_largest():
    chart = line_chart(["Jan", "Feb"], [Series("k1", "Median", [4, 23])], 9)
    assert [label for _, _, label in chart.grid] == ["0", "5", "10", "15", "20", "25"]


def test_labels_do_not_lie_on_each_other():
    chart = line_chart(
        ["Jan", "Feb"], [Series("k1", "Median", [9, 9]), Series("k2", "Slowest", [9.1, 9.1])], 9
    )
    heights = sorted([line.label_y for line in chart.lines] + [chart.target_label_y])
    assert all(after - before >= 20 for before, after in zip(heights, heights[1:], strict=False))
    assert heights[-1] <= HEIGHT


def test_labels_at_the_bottom_stay_inside():
    chart = line_chart(
        ["Jan", "Feb"], [Series("k1", "Median", [0, 0]), Series("k2", "Slowest", [0, 0])], 0
    )
    assert max(line.label_y for line in chart.lines) <= HEIGHT


def test_a_sparkline_needs_two_values():
    assert sparkline([None, 3], 9) is None
    spark = sparkline([19, None, 8], 9)
    assert spark is not None
    assert spark.line == "M0.0 4.0 L200.0 40.0"
    assert spark.goal_y == 36.7
