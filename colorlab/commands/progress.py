"""`colorlab progress`: where a student stands, or a class."""

from pathlib import Path

import click

from colorlab.commands.console import Given, say


@click.command()
@click.argument(
    "folder", type=Given(path_type=Path, file_okay=False, exists=True), default=Path("."), required=False
)
@click.option(
    "--html", "form", flag_value="html", help="Of a class: a page with every answer, to standard output."
)
@click.option("--csv", "form", flag_value="csv", help="Of a class: a row a student.")
@click.option("--json", "form", flag_value="json", help="Of a class: everything.")
def progress(folder: Path, form: str | None) -> None:
    """Print which exercises pass in the notebooks of FOLDER (this folder, if none is named).

    Where FOLDER holds folders of students instead, with notebooks in them or as nbgrader collects them, it
    is a class: students × exercises, and which exercise the class fails with which answer.

    It reads the answers that the checks gave when they ran last, as they were saved with the notebooks, and
    runs nothing. To have them run anew, say colorlab run first and look at its results.

    \b
    colorlab progress                              your own
    colorlab progress submitted/ada/               a student's
    colorlab progress submitted/                   the class
    colorlab progress submitted/ --html > class.html
    colorlab run submitted/ada/05_brown_well.ipynb --out build/ada
    colorlab progress build/ada
    """
    from colorlab.course.classroom import as_csv, as_html, as_json, classroom, handed_in
    from colorlab.course.contents import COPIES, find_copy, notebooks

    def holds_copies(place: Path) -> bool:
        return any(find_copy(path, place) for path in notebooks())

    if not holds_copies(folder) and holds_copies(folder / COPIES):
        folder = folder / COPIES  # where colorlab lab put them
    if holds_copies(folder):
        if form:
            raise click.UsageError(
                f"--{form} is for a class: name the folder that holds the students' folders"
            )
        from colorlab.course.progress import progress

        lines = str(progress(folder=folder)).splitlines()
    elif next(handed_in(folder), None):
        found = classroom(folder)
        forms = {"html": as_html, "csv": as_csv, "json": as_json}
        if form:
            click.echo(forms[form](found))
            return
        lines = str(found).splitlines()
    else:
        raise click.UsageError(f"{folder} holds no notebook of the course; name the folder where they lie")
    for line in lines:
        say(line)
