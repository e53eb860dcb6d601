"""Output of commands: tables and screens for the terminal, HTML reports, progress bars.

* `streams.cli.views.demo_screen`, `streams.cli.views.top_screen`: live screens of `demo` and `top`;
  `streams.cli.views.events`: an event as a sentence.
* `streams.cli.views.evaluation_tables`, `streams.cli.views.experiment_tables`,
  `streams.cli.views.insight_tables`.
* `streams.cli.views.closed_loop`: table and report of the closed loop; `streams.cli.views.evaluation_report`.
* `streams.cli.views.reports`: HTML from `templates/`, drawings as SVG; `streams.cli.views.progress`: progress
  bars.
"""
