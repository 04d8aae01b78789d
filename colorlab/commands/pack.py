"""`colorlab pack`: slides and PDFs for a lecture."""

from pathlib import Path

import click

from colorlab.commands.console import Given, say


@click.command()
@click.argument("notebooks", nargs=-1)
@click.option(
    "--out",
    type=Given(path_type=Path, file_okay=False),
    default=Path("build/pack"),
    show_default=True,
    help="Folder for the results.",
)
def pack(notebooks: tuple[str, ...], out: Path) -> None:
    """Write NOTEBOOKS (all of them if none is named), as they are committed, as slides and as PDF.

    The slides show text, pictures and what cells print; the PDF holds the code too. Neither needs a network.
    Needs a Chromium or Chrome, and the extra `slides`. Slides: arrow keys, Esc for all at once, S for notes.

    \b
    colorlab pack                                  all of them, into build/pack
    colorlab pack 05 --out lecture                 lecture/05_brown_well.slides.html, lecture/05_brown_well.pdf
    """
    from colorlab.course.browser import BrowserError, find_browser
    from colorlab.course.contents import find
    from colorlab.course.pack import PackError, copy_reveal, write_pack

    browser = find_browser()
    if browser is None:
        raise click.ClickException(
            "no browser was found that prints: install Chromium, or name one in CHROMIUM"
        )
    paths = find(notebooks)
    out.mkdir(parents=True, exist_ok=True)
    try:
        copy_reveal(out)
        for path in paths:
            targets = write_pack(path, out, browser)
            sizes = ", ".join(
                f"{kind} {target.stat().st_size / 1e6:.1f} MB" for kind, target in targets.items()
            )
            say(f"{path.stem:<24} {sizes}")
    except (PackError, BrowserError) as error:
        raise click.ClickException(str(error)) from None
