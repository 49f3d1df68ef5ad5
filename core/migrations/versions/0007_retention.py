"""What finds the rows whose keeping time is over; the other tables are found by their key, which sorts by time."""

from core.migrations.indexes import build_concurrently

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    build_concurrently("ix_sms_report_received_at", "sms_report", ["received_at"])
    build_concurrently("ix_sms_inbound_received_at", "sms_inbound", ["received_at"])
    build_concurrently("ix_attempt_day", "attempt", ["day"])
