"""Telegrams into InfluxDB, in the shape of the real source.

Line protocol: measurement `measurements`, one field `value` (float), tags `node`, `sensor`, `unit`,
`location`, `title`, `uqk` (node.sensor, or node.sensor.channel) and, for radio statistics, `channel`; time in
seconds. A text block of one series is made by column operations: its buffer *is* the request.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import urllib3

from sandbox.carbosense.telegrams import Telegrams
from sandbox.noise import FloatArray, IntArray, key, normal
from skyledger.connections import Connection

BATCH_LINES = 40_000
WRITERS = 2  # InfluxDB parses one request per core

_UNITS = {  # by the end of a quantity's name, the first that fits
    "dew_point": "°C",
    "temperature": "°C",
    "temperature-last": "°C",
    "temperature-detector": "°C",
    "temperature-mcu": "°C",
    "temp": "°C",
    "humidity": "%",
    "cell-pressure": "kPa",
    "pressure": "Pa",
    "pressure-filtered": "Pa",
    "battery": "V",
    "vcap1": "V",
    "vcap2": "V",
    "co2": "ppm",
    "co2-last": "ppm",
    "co2-filtered": "ppm",
    "h2o": "mmol/mol",
    "flow-rate": "L/min",
    "rssi": "dBm",
    "snr": "dB",
}


class InfluxWriter:
    """Writes points to one database; use as a context manager, which waits for the last batch."""

    def __init__(self, connection: Connection) -> None:
        scheme = connection.extra.get("scheme") or "https"
        self._url = f"/write?db={connection.schema}&precision=s"
        pool = urllib3.HTTPSConnectionPool if scheme == "https" else urllib3.HTTPConnectionPool
        self._http = pool(
            connection.host,
            connection.port,
            maxsize=WRITERS,
            retries=False,
            timeout=urllib3.Timeout(10, read=120),
        )
        credentials = f"{connection.login}:{connection.password or ''}"
        self._headers = urllib3.make_headers(basic_auth=credentials)
        self._threads = ThreadPoolExecutor(WRITERS, "influx-writer")
        self._free = threading.Semaphore(WRITERS + 1)
        self._sent: list[Future[None]] = []
        self._blocks: list[memoryview] = []
        self._lines = 0
        self.points = 0

    def __enter__(self) -> "InfluxWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._send()
        self._threads.shutdown(cancel_futures=kind is not None)
        self._http.close()
        if kind is None:
            for sent in self._sent:
                sent.result()  # raises what went wrong in its thread

    def write(self, tags: str, time_text: pa.Array, value: FloatArray) -> None:
        """Write one series. tags: escaped `measurement,tag=...`; time_text: ` <seconds>\\n` per point."""
        values = pc.cast(pa.array(value), pa.string())
        for start in range(0, len(value), BATCH_LINES):
            part = slice(start, start + BATCH_LINES)
            lines = pc.binary_join_element_wise(f"{tags} value=", values[part], time_text[part], "")
            _, offsets, text = lines.buffers()
            first, last = np.frombuffer(offsets, np.int32)[[lines.offset, lines.offset + len(lines)]]
            self._blocks.append(memoryview(text)[first:last])
            self._lines += len(lines)
            # every request is written and synced once per week it touches: few large ones are quicker
            if self._lines >= BATCH_LINES:
                self._send()
        self.points += len(value)

    def _send(self) -> None:
        if not self._blocks:
            return
        self._free.acquire()
        sent = self._threads.submit(self._request, b"".join(self._blocks))
        self._blocks, self._lines = [], 0
        sent.add_done_callback(lambda _: self._free.release())
        for done in [f for f in self._sent if f.done()]:
            done.result()
            self._sent.remove(done)
        self._sent.append(sent)

    def _request(self, body: bytes) -> None:
        answer = self._http.request("POST", self._url, body=body, headers=self._headers)
        if answer.status != 204:
            raise OSError(f"InfluxDB answered HTTP {answer.status} to a write: {answer.data[:300]!r}")


def write_telegrams(writer: InfluxWriter, seed: int, telegrams: Telegrams, *, late: bool) -> int:
    """Write the telegrams that are late, or those that are not; return their number."""
    chosen = telegrams.late == late
    for stay in np.unique(telegrams.stay[chosen]):
        at_site = chosen & (telegrams.stay == stay)
        site, _ = telegrams.unit.place(int(stay))
        for doubled in (False, True):
            place = np.flatnonzero(at_site & telegrams.doubled) if doubled else np.flatnonzero(at_site)
            if len(place):
                _write_quantities(writer, telegrams, place, site.name, doubled=doubled)
        _write_radio(writer, seed, telegrams, np.flatnonzero(at_site), site.name)
    return int(np.count_nonzero(chosen))


def _write_quantities(
    writer: InfluxWriter, telegrams: Telegrams, place: IntArray, location: str, *, doubled: bool
) -> None:
    time_text = _time_text(telegrams.time_s[place])
    for quantity in telegrams.values:
        value = (telegrams.second_value(quantity) if doubled else telegrams.values[quantity])[place]
        present = ~np.isnan(value)
        if not present.any():
            continue
        tags = series(telegrams.unit.unit_id, quantity, location, old_title=doubled)
        if present.all():
            writer.write(tags, time_text, value)
        else:
            writer.write(tags, time_text.filter(pa.array(present)), value[present])


def _write_radio(
    writer: InfluxWriter, seed: int, telegrams: Telegrams, place: IntArray, location: str
) -> None:
    """Radio statistics of some units: under the node's tags, but not part of the telegram."""
    for channel, quantity, value in _radio(seed, telegrams, place):
        tags = series(telegrams.unit.unit_id, quantity, location, channel=channel)
        # stamped by the gateway, a second later: taken for telegrams they would make rows of their own
        writer.write(tags, _time_text(telegrams.time_s[place] + 1), value)


def _radio(seed: int, telegrams: Telegrams, place: IntArray) -> Iterator[tuple[str, str, FloatArray]]:
    unit_id = telegrams.unit.unit_id
    if telegrams.unit.sensor_type != "LP8" or unit_id % 5 or not len(place):
        return
    spread = normal(key(seed, unit_id, "radio"), telegrams.time_s[place])
    channel = f"link-gw{unit_id % 3 + 1:02d}"
    yield channel, "lora-rssi", np.round(-105 + 6 * spread)
    yield channel, "lora-snr", np.round(2 + 4 * spread, 1)
    if unit_id % 10 == 0:  # the gateway's own supply, under the same sensor name as the unit's
        yield channel, "battery", np.round(4.9 + 0.02 * spread, 2)


def _time_text(time_s: IntArray) -> pa.StringArray:
    return pc.binary_join_element_wise(" ", pc.cast(pa.array(time_s), pa.string()), "\n", "")


def series(
    unit_id: int, quantity: str, location: str, *, channel: str | None = None, old_title: bool = False
) -> str:
    """Measurement and tags of a series, escaped. Titles were renamed once, which made every series a second one."""
    unit = next(
        (unit for end, unit in _UNITS.items() if quantity == end or quantity.endswith(f"-{end}")), None
    )
    title = f"{unit_id} {quantity}" if old_title else f"{quantity} [{unit}]" if unit else quantity
    tags = {
        "channel": channel,
        "location": location,
        "node": str(unit_id),
        "sensor": quantity,
        "title": title,
        "unit": unit,
        "uqk": f"{unit_id}.{quantity}" + (f".{channel}" if channel else ""),
    }
    return "measurements" + "".join(f",{tag}={_escaped(text)}" for tag, text in tags.items() if text)


def _escaped(text: str) -> str:
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")
