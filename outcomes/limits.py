"""Every bound on rubrics."""

CRITERIA_MAX = 20  # 3 to 5 are recommended; nobody can weigh more than this
CRITERION_NAME_MAX = 128
CRITERION_DESCRIPTION_MAX = 2_048
WEIGHT_TOLERANCE = 1e-6  # of the sum; three thirds are never exactly one
