"""Every PIN that a test types. After the suite, `tests/after` looks for each of them in logs, databases and Redis."""

RIGHT = "4826"
NEW = "7305"
WRONG = "9164"
OTHER_WRONG = "3948"

ALL = (RIGHT, NEW, WRONG, OTHER_WRONG)
