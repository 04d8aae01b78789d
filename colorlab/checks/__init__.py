"""The checks of the exercises, one file a notebook: `from colorlab.checks import brown_well; brown_well.q1(answer)`."""
