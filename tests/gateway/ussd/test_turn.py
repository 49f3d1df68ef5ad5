"""One phone's hops come one after the other; one that waits too long for its turn says so, and does nothing."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

import httpx2
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from core import clock
from core.customers import profiles, wallet
from core.runtime import Runtime
from gateway.ussd import heartbeat, scripts, sessions
from gateway.ussd.dialling import Dialling
from gateway.ussd.heartbeat import Heartbeat
from gateway.ussd.hop import Hop
from gateway.ussd.redis_batches import Batches
from gateway.ussd.road import STILL_WORKING, Road
from gateway.ussd.sessions import Sessions, TurnNotFree
from menus.engine.machine import Engine
from menus.screens import SCREENS
from tests import pins
from tests.phone import Phone

ASHA = "+254711000001"
TURN = f"ussd:{{{ASHA}}}:turn"


async def balance_minor(runtime: Runtime) -> int:
    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    return (await wallet.get_balance(runtime, asha)).minor


async def test_a_hop_that_never_gets_its_turn_says_that_one_is_at_work_and_moves_nothing(
    phone: Callable[[str], Phone], runtime: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(TURN, b"of another hop", px=9_000)
        with monkeypatch.context() as patched:
            patched.setattr(sessions, "_PATIENCE_SECONDS", 0.0)
            busy = await asha.type(pins.RIGHT)
        assert busy.text.startswith(STILL_WORKING)
        assert not busy.is_open
        assert await balance_minor(runtime) == 1_250_000
        assert await redis.get(TURN) == b"of another hop", "it took the turn of the hop that is at work"
        await redis.delete(TURN)
    assert "confirmed" in (await asha.send_again()).text
    assert await balance_minor(runtime) == 1_250_000 - 50_700


async def test_a_turn_that_is_taken_is_nobody_elses(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_PATIENCE_SECONDS", 0.0)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        assert (await Sessions(redis).open(ASHA)).stored is None
        with pytest.raises(TurnNotFree):
            await Sessions(redis).open(ASHA)
        await Sessions(redis).open("+254711000009")


async def test_a_turn_whose_process_has_died_is_taken_over_and_that_of_a_living_one_is_not(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_PATIENCE_SECONDS", 0.5)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        killed, other = Sessions(redis), Sessions(redis)
        first = await killed.open(ASHA)
        with pytest.raises(TurnNotFree):
            await other.open(ASHA)
        # Nobody beats for it any more: Redis ends the heartbeat.
        [heartbeat] = [key async for key in redis.scan_iter("ussd:process:*") if key.endswith(first.turn[:8].hex().encode())]
        assert 0 < await redis.pttl(heartbeat) <= 2_000
        await redis.delete(heartbeat)
        second = await other.open(ASHA)
        assert second.is_doubtful, "nobody knows what the first hop has done"
        assert await redis.get(TURN) == second.turn


async def test_a_hop_whose_heartbeat_was_late_keeps_nothing_of_the_session_that_went_on_without_it(
    phone: Callable[[str], Phone], redis_url: str
) -> None:
    asha = phone(ASHA)
    async with Redis.from_url(redis_url) as redis:
        frozen, other = Sessions(redis), Sessions(redis)
        await asha.dial("*384*96*4*0722000002*500#")
        older = await frozen.open(ASHA)
        assert older.stored is not None
        await redis.delete(*[key async for key in redis.scan_iter("ussd:process:*")])
        newer = await other.open(ASHA)
        assert newer.stored is not None
        newer.stored.reply = "END newer"
        older.stored.reply = "END older"
        await frozen.close(older, older.stored, resume=sessions.Resume.THIS)
        assert await redis.get(TURN) == newer.turn, "it gave back the turn of the hop that is at work"
        await other.close(newer, newer.stored, resume=sessions.Resume.THIS)
        # And once the newer hop is over, too.
        await frozen.close(older, older.stored, resume=sessions.Resume.THIS)
        for name in ("session", "resume"):
            kept = await redis.get(f"ussd:{{{ASHA}}}:{name}")
            assert kept is not None
            assert b"END newer" in kept
            assert b"END older" not in kept


@pytest.mark.parametrize("ahead", [timedelta(seconds=3_700), timedelta(seconds=-3_700)], ids=["ahead", "behind"])
async def test_no_process_clock_decides_when_a_turn_ends(redis_url: str, ahead: timedelta) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        with clock.at(clock.now() + ahead):
            await Sessions(redis).open(ASHA)
        assert 8_000 < await redis.pttl(TURN) <= 9_000


async def test_a_redis_whose_clock_has_jumped_gives_turns_out_and_none_for_long(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        for jumped in (-3_700.0, 3_700.0):
            await redis.flushdb()
            made = Sessions(redis)
            await made.open("+254711000009")
            assert made._ahead_seconds is not None
            made._ahead_seconds += jumped  # as of the server before a failover
            await made.open(ASHA)
            assert 0 < await redis.pttl(TURN) <= 9_000


async def test_a_turn_that_redis_takes_after_its_hop_has_given_up_is_not_begun(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        keys = [f"ussd:{{{ASHA}}}:{name}" for name in ("turn", "session", "begun", "past")]
        [now_ms] = await redis.eval(scripts.OPEN, 4, *keys, b"late", 1, 9_000, 900, b"")
        assert now_ms > 1
        assert not await redis.exists(*keys)


async def test_a_turn_that_could_not_be_given_back_is_given_back_once_redis_answers(
    phone: Callable[[str], Phone], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, baraka = phone(ASHA), phone("+254722000002")
    run = Batches.run

    async def cut_at_the_end(self: Batches, *commands: tuple[object, ...]) -> list[object]:
        if any(scripts.CLOSE in command for command in commands):
            raise RedisConnectionError
        return await run(self, *commands)

    async with Redis.from_url(redis_url) as redis:
        with monkeypatch.context() as patched:
            patched.setattr(Batches, "run", cut_at_the_end)
            assert (await asha.dial()).is_open
        assert await redis.exists(TURN)
        monkeypatch.setattr(heartbeat, "_BEAT_SECONDS", 0.0)
        await baraka.dial()
        assert not await redis.exists(TURN)


async def test_a_phone_goes_on_at_once_in_the_process_that_lost_its_hop(
    phone: Callable[[str], Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, run = phone(ASHA), Batches.run

    async def cut_at_the_end(self: Batches, *commands: tuple[object, ...]) -> list[object]:
        if any(scripts.CLOSE in command for command in commands):
            raise RedisConnectionError
        return await run(self, *commands)

    with monkeypatch.context() as patched:
        patched.setattr(Batches, "run", cut_at_the_end)
        assert (await asha.dial()).is_open
    monkeypatch.setattr(sessions, "_PATIENCE_SECONDS", 0.5)
    assert (await asha.dial()).text.startswith("Jasho\n")


async def test_the_process_beats_while_a_hop_is_at_work_and_rests_after_it(
    phone: Callable[[str], Phone], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_BEAT_SECONDS", 0.01)
    beats, beaten = 0, asyncio.Event()
    beat = Heartbeat.beat

    async def count(self: Heartbeat) -> None:
        nonlocal beats
        beats += 1
        if beats > 3:
            beaten.set()
        await beat(self)

    async def wait_for_beats(*_: object) -> None:
        await beaten.wait()

    monkeypatch.setattr(Heartbeat, "beat", count)
    monkeypatch.setattr("core.operations.switches.Switches.look", wait_for_beats)
    assert (await phone(ASHA).dial()).is_open
    async with Redis.from_url(redis_url) as redis:
        assert [key async for key in redis.scan_iter("ussd:process:*")]
    assert not [task for task in asyncio.all_tasks() if "_beat_on" in repr(task.get_coro()) and not task.cancelling()]


async def test_a_turn_that_could_not_be_given_back_is_not_forgotten_when_redis_stays_away(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, is_away = Batches.run, True

    async def cut_at_the_end(self: Batches, *commands: tuple[object, ...]) -> list[object]:
        if is_away and not any(scripts.OPEN in command for command in commands):
            raise RedisConnectionError
        return await run(self, *commands)

    async with Redis.from_url(redis_url) as redis:
        made = Sessions(redis)
        opened = await made.open(ASHA)
        made.abandon(opened)
        monkeypatch.setattr(Batches, "run", cut_at_the_end)
        monkeypatch.setattr(heartbeat, "_BEAT_SECONDS", 0.0)
        for _ in range(3):
            with contextlib.suppress(RedisConnectionError):
                await made.heartbeat.beat()
        assert await redis.exists(TURN)
        is_away = False
        await made.heartbeat.beat()
        assert not await redis.exists(TURN)


@pytest.mark.parametrize("error", [asyncio.CancelledError, RuntimeError])
async def test_a_hop_that_is_cut_off_gives_its_turn_back(
    client: httpx2.AsyncClient, runtime: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    assert client

    async def cut_off(*_: object) -> None:
        raise error

    async with Redis.from_url(redis_url) as redis:
        made = Sessions(redis)
        road = Road(runtime, made, Engine(SCREENS))
        with monkeypatch.context() as patched:
            patched.setattr(Dialling, "dial", cut_off)
            with pytest.raises(error):
                await road.take(Hop("cut off", ASHA, ""))
        assert await redis.exists(TURN)
        monkeypatch.setattr(heartbeat, "_BEAT_SECONDS", 0.0)
        await made.heartbeat.beat()
        assert not await redis.exists(TURN)


async def test_a_turn_that_a_wrong_clock_has_given_for_an_hour_is_taken_over(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        await redis.set(TURN, b"of the release before", px=3_709_000)
        await redis.set(f"ussd:{{{ASHA}}}:begun", b"of it", ex=60)
        assert (await Sessions(redis).open(ASHA)).is_doubtful


async def test_no_hop_has_a_turn_before_redis_knows_that_its_process_lives(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Batches.run

    async def no_beats(self: Batches, *commands: tuple[object, ...]) -> list[object]:
        if commands[0][0] == "SET":
            raise RedisConnectionError
        return await run(self, *commands)

    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        made = Sessions(redis)
        with monkeypatch.context() as patched:
            patched.setattr(Batches, "run", no_beats)
            with pytest.raises(RedisConnectionError):
                await made.open(ASHA)
        # It is given back with the beat that comes first.
        await made.open("+254711000009")
        assert not await redis.exists(TURN)


async def test_a_slow_answer_of_redis_makes_no_later_turn_shorter_than_its_hop(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, is_slow = Batches.run, True

    async def two_seconds_on_the_way_back(self: Batches, *commands: tuple[object, ...]) -> list[object]:
        nonlocal is_slow
        answers = await run(self, *commands)
        if is_slow and commands[0][0] == "EVAL":
            is_slow = False
            [answer] = answers
            assert isinstance(answer, list)
            answer[0] -= 2_000
        return answers

    monkeypatch.setattr(sessions, "monotonic", lambda: monotonic() - 2 * is_slow)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        made = Sessions(redis)
        with monkeypatch.context() as patched:
            patched.setattr(Batches, "run", two_seconds_on_the_way_back)
            await made.open("+254711000009")
        await made.open(ASHA)
        assert 8_000 < await redis.pttl(TURN) <= 9_000
