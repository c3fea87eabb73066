"""Send annotations to labeling tools that run, and fetch them from there."""
