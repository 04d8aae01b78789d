"""The ordered notebooks: what they begin with, how they are run, how far a student has come, how they are graded."""
