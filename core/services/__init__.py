"""What Jasho does, channel or no channel: a plain module a subject, plain async functions.

A service takes a Runtime and typed arguments and answers with a frozen dataclass, or raises a Refusal. Phone menus, SMS and
the REST API all call the same ones.

    people      customers, joining (by SMS), details, closing · pins, pin_change, pin_reset, codes, attempts
    money       transfers, round_ups · invitations, unclaimed (for who has not joined) · approvals
    agents      agents, cash, floats
    payments    payments, payment_orders, settlements: by other networks (core/rails)
    savings     savings, goals, savings_rules
    jobs        jobs, job_posts, applications, hiring, escrow, reviews, job_deadlines
    insurance   products, insurance, policies, renewals · claims, claim_decisions
    SMS         texts, notices · outbox, outbox_turns, sms_kinds, sms_attempts, sms_reports, optouts · sms_inbound, sms_orders
    help        questions, answers
    worker      chores: what is done once for each subject and period
    demo        the demo people
"""
