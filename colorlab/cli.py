"""`colorlab …` on the command line: the commands of `colorlab.commands`, gathered.

Made with click itself: `-p NAME VALUE`, repeated, is a pair of words, which typer cannot declare.
"""

import click

from colorlab import __version__
from colorlab.commands import colorize, course, doctor, evaluate, pack, progress, run, train
from colorlab.commands.console import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="colorlab-course")
def main() -> None:
    """Understand with your own hands how a neural network learns to colour a grey photograph.

    \b
    colorlab lab       open the course and read it
    colorlab run       execute the course without looking, and report
    colorlab progress  which exercises pass
    colorlab nbgrader  write the notebooks as assignments
    colorlab pack      slides and PDFs for a lecture
    colorlab colorize  colour pictures, GIFs, videos and folders of them
    colorlab evaluate  judge the networks on pictures whose colours are known
    colorlab train     train a colorizer on your own pictures
    colorlab doctor    what works on this machine
    """


for command in (
    course.lab,
    run.run,
    progress.progress,
    course.nbgrader,
    pack.pack,
    course.outputs,
    colorize.colorize,
    evaluate.evaluate,
    train.train,
    doctor.doctor,
):
    main.add_command(command)
