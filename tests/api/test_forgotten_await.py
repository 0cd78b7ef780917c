"""A function that only makes coroutines: somebody has to await them, or to say that nobody does."""

import asyncio

import pytest

import atonce


async def fetch(client: str, number: int) -> str:
    await asyncio.sleep(0)
    return f"{client}{number}"


@pytest.mark.parametrize("engine", ["auto", "inline", "thread"])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_it_is_said_instead_of_giving_coroutines_back(engine, count):
    with pytest.raises(TypeError, match=r"<lambda> returned a coroutine.*\n.*engine='async', which awaits"):
        atonce.map(lambda number: fetch("a", number), range(count), engine=engine)


async def test_from_a_loop_too():
    with pytest.raises(TypeError, match="returned a coroutine"):
        await atonce.amap(lambda number: fetch("a", number), range(50))
    with pytest.raises(TypeError, match="returned a coroutine"):
        async for _ in atonce.astream(lambda number: fetch("a", number), range(50)):
            pass


@pytest.mark.parametrize("errors", ["return", "group"])
def test_it_is_no_failure_of_an_item(errors):
    with pytest.raises(TypeError, match="returned a coroutine"):
        atonce.map(lambda number: fetch("a", number), range(3), errors=errors)


async def test_the_engine_that_awaits_them_does():
    assert await atonce.amap(lambda number: fetch("b", number), range(3), engine="async") == ["b0", "b1", "b2"]
    assert await asyncio.to_thread(atonce.map, lambda number: fetch("b", number), [7], engine="async") == ["b7"]
