"""`python -m colorlab …` is `colorlab …`; torchrun starts it this way."""

from colorlab.cli import main

main()
