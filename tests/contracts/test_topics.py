"""Topics: their names, and how long anything may stay in them."""

import pytest

from contracts.command import Lane
from contracts.topics import MAX_MESSAGE_BYTES, TOPICS, Channel, channel_named, channel_of, topic_of

DAY_MS = 86_400_000


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("prefix", ["", "blue.", "dsar."])
def test_a_topics_channel_is_found_behind_its_prefix(channel: Channel, prefix: str) -> None:
    assert channel_named(topic_of(channel, prefix), prefix) is channel


@pytest.mark.parametrize("topic", ["", "dsar.access.v2", "blue.dsar.access.v1", "DSAR.ACCESS.V1", "__consumer_offsets"])
def test_a_strange_topic_is_no_channel(topic: str) -> None:
    assert channel_named(topic) is None


def test_each_lane_has_a_channel_of_its_own() -> None:
    assert {channel_of(lane) for lane in Lane} == {Channel.ACCESS, Channel.ERASURE}


@pytest.mark.parametrize("channel", list(Channel))
def test_nothing_stays_on_a_topic_for_longer_than_a_week_and_a_segment(channel: Channel) -> None:
    config = TOPICS[channel].config
    assert int(config["retention.ms"]) <= 7 * DAY_MS
    assert int(config["segment.ms"]) <= DAY_MS
    assert (config["cleanup.policy"], config["message.timestamp.type"]) == ("delete", "LogAppendTime")


def test_a_dead_letter_has_room_for_any_record_in_base64() -> None:
    assert int(TOPICS[Channel.ACCESS].config["max.message.bytes"]) == MAX_MESSAGE_BYTES
    assert int(TOPICS[Channel.DEAD_LETTERS].config["max.message.bytes"]) > MAX_MESSAGE_BYTES * 4 / 3 + 10_000
