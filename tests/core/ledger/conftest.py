"""How long Hypothesis drives the ledger: a little in every run, a lot with `--hypothesis-profile soak`."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ledger",
    max_examples=16,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    "ledger soak",
    parent=settings.get_profile("ledger"),
    max_examples=60,
    stateful_step_count=60,
    derandomize=False,
)
