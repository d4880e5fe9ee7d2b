"""What an SSH connection must say, and what the system's ssh is told of it."""

import stat
import subprocess
from dataclasses import replace

import asyncssh
import pytest

from skyledger.connections import Connection
from skyledger.errors import ConfigError
from skyledger.ssh import gateway_id, path_there, why_no_system_client, write_system_config

HOST_KEY, GATEWAY_KEY, KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(3))


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


STATION = Connection(
    "mingo01_ssh",
    "ssh",
    "Station.example.org",
    2222,
    "mingo",
    extra={"host_key": public(HOST_KEY), "private_key": KEY.export_private_key().decode()},
)
GATEWAY = replace(STATION, conn_id="gateway_ssh", host="gate", port=None, login="jumper")
GATEWAY = replace(GATEWAY, extra={**GATEWAY.extra, "host_key": public(GATEWAY_KEY)})


def with_extra(connection: Connection, **extra: object) -> Connection:
    return replace(connection, extra={**connection.extra, **extra})


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "private folder"
    folder.mkdir(mode=0o700)
    return folder


def effective(folder, host: str) -> dict[str, str]:
    """What the system's ssh makes of the configuration."""
    done = subprocess.run(
        ["ssh", "-F", "config", "-G", host], cwd=folder, capture_output=True, text=True, check=True
    )
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line)


def test_the_systems_ssh_knows_the_pinned_host_key_and_no_other(folder):
    write_system_config(folder, STATION, None)
    assert (folder / "known_hosts").read_text() == f"[station.example.org]:2222 {public(HOST_KEY)}\n"
    said = effective(folder, "station")
    assert (said["hostname"], said["port"], said["user"]) == ("station.example.org", "2222", "mingo")
    assert said["stricthostkeychecking"] == "true"
    assert (said["userknownhostsfile"], said["globalknownhostsfile"]) == ("known_hosts", "none")
    assert (said["batchmode"], said["identitiesonly"], said["identityfile"]) == ("yes", "yes", "station_key")
    assert (said["connecttimeout"], said["serveraliveinterval"], said["serveralivecountmax"]) == (
        "15",
        "15",
        "3",
    )
    assert said["updatehostkeys"] == "false"


def test_a_gateway_is_pinned_as_well(folder):
    station = with_extra(STATION, jump="gateway_ssh")
    write_system_config(folder, station, GATEWAY)
    assert (folder / "known_hosts").read_text().splitlines() == [
        f"[station.example.org]:2222 {public(HOST_KEY)}",
        f"gate {public(GATEWAY_KEY)}",
    ]
    assert effective(folder, "station")["proxyjump"] == "gateway"
    said = effective(folder, "gateway")
    assert (said["hostname"], said["port"], said["user"]) == ("gate", "22", "jumper")
    assert (said["stricthostkeychecking"], said["identityfile"]) == ("true", "gateway_key")
    assert "proxyjump" not in said


def test_a_key_from_the_connection_is_for_its_owner_only_and_readable_for_ssh(folder):
    write_system_config(folder, STATION, None)
    key = folder / "station_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    done = subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == public(KEY).split()[:2]


def test_a_key_file_is_not_copied(folder, tmp_path):
    file = tmp_path / "key with %h blanks"
    file.write_bytes(KEY.export_private_key())
    write_system_config(folder, with_extra(STATION, private_key=None, key_file=str(file)), None)
    assert (folder / "station_key").readlink() == file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "x\nProxyCommand touch /tmp/x"}, "host .* cannot be given to ssh"),
        ({"host": "-oProxyCommand=x"}, "host .* cannot be given to ssh"),
        ({"login": "me host"}, "login .* cannot be given to ssh"),
        ({"login": "-l"}, "login .* cannot be given to ssh"),
    ],
)
def test_nothing_of_a_connection_becomes_an_option_of_ssh(folder, change, message):
    with pytest.raises(ConfigError, match=message):
        write_system_config(folder, replace(STATION, **change), None)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("connection", "jump", "message"),
    [
        (replace(STATION, conn_type="mysql"), None, "'mingo01_ssh' is of type 'mysql'; expected 'ssh' or 'sftp'"),
        (with_extra(STATION, host_key=None), None, "lacks host_key"),
        (with_extra(STATION, root="relative"), None, "expected an absolute path"),
        (with_extra(STATION, jump="gateway_ssh"), None, r"gateway \(extra jump\) is 'gateway_ssh', and None"),
        (with_extra(STATION, jump="other"), GATEWAY, "is 'other', and 'gateway_ssh' was given"),
        (STATION, GATEWAY, "is None, and 'gateway_ssh' was given"),
        (with_extra(STATION, jump="gateway_ssh"), with_extra(GATEWAY, jump="x"), "gateway behind a gateway"),
        (with_extra(STATION, jump="gateway_ssh"), with_extra(GATEWAY, host_key=""), "'gateway_ssh'.*lacks host_key"),
    ],
)  # fmt: skip
def test_a_connection_that_cannot_work_or_would_weaken_the_check_is_refused(connection, jump, message):
    with pytest.raises(ConfigError, match=message) as error:
        why_no_system_client(connection, jump)
    assert "PRIVATE KEY" not in str(error.value)


def test_what_the_systems_ssh_cannot_do_unattended_is_told():
    assert why_no_system_client(STATION, None) is None
    password = replace(with_extra(STATION, private_key=None), password="geheim")
    assert why_no_system_client(password, None) == "connection 'mingo01_ssh' has no key"
    locked = KEY.export_private_key(passphrase="geheim", rounds=50).decode()
    locked_gateway = with_extra(GATEWAY, private_key=locked, private_key_passphrase="geheim")
    reason = why_no_system_client(with_extra(STATION, jump="gateway_ssh"), locked_gateway)
    assert reason == "the key of connection 'gateway_ssh' has a passphrase"


def test_configured_paths_lie_below_the_root_of_the_connection():
    played = with_extra(STATION, root="/srv/station")
    assert path_there(played, "/media/asci") == "/srv/station/media/asci"
    assert path_there(played, "asci") == "/srv/station/asci"
    assert path_there(STATION, "/media/asci") == "/media/asci"
    assert gateway_id(STATION) is None
    assert gateway_id(with_extra(STATION, jump="gateway_ssh")) == "gateway_ssh"
