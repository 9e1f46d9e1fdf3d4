"""Settings: which source wins, and what a mistake in one is told as."""

import pytest

from importer.model.errors import FixCommand
from importer.settings import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, text):
    (folder / "importer.toml").write_text(text, encoding="utf-8")


def test_without_any_source_the_defaults_are_those_of_the_api(folder):
    settings = load()
    assert (settings.max_contacts, settings.daily_sends, settings.day_zone) == (20, 100, "Asia/Shanghai")
    assert settings.ledger == "importer.db"


def test_flags_win_over_environment_over_profile_over_file(folder, monkeypatch):
    write(
        folder,
        "max_contacts = 1\ndaily_sends = 1\npage_size = 1\nlist_lag = 1.0\n"
        "[profiles.big]\nmax_contacts = 2\ndaily_sends = 2\npage_size = 2\n",
    )
    monkeypatch.setenv("IMPORTER_DAILY_SENDS", "3")
    monkeypatch.setenv("IMPORTER_MAX_CONTACTS", "3")
    settings = load({"profile": "big", "max_contacts": 4})
    assert (settings.max_contacts, settings.daily_sends, settings.page_size, settings.list_lag) == (4, 3, 2, 1.0)


def test_the_profile_may_come_from_the_environment_or_the_file(folder, monkeypatch):
    write(folder, 'profile = "a"\n[profiles.a]\nmax_contacts = 7\n[profiles.b]\nmax_contacts = 8\n')
    assert load().max_contacts == 7
    monkeypatch.setenv("IMPORTER_PROFILE", "b")
    assert (load().profile, load().max_contacts) == ("b", 8)


@pytest.mark.parametrize(
    ("flags", "says", "hint"),
    [
        ({"max_contact": 5}, "unknown setting: max_contact", "max_contacts"),
        ({"day_zone": "Asia/Shangai"}, "no time zone is called 'Asia/Shangai'", "names"),
        ({"max_contacts": "many"}, "max-contacts", ""),
        ({"on_clash": "merge"}, "on-clash", ""),
        ({"profile": "prod"}, "no profile is called prod", "default"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(folder, flags, says, hint):
    with pytest.raises(FixCommand) as caught:
        load(flags)
    assert says in caught.value.message
    assert hint in caught.value.message + caught.value.hint
    assert "\n" not in caught.value.message


def test_every_mistake_is_told_at_once(folder):
    with pytest.raises(FixCommand) as caught:
        load({"max_contacts": -1, "daily_sends": "x", "page_size": 1000})
    assert all(name in caught.value.message for name in ("max-contacts", "daily-sends", "page-size"))


def test_an_unknown_profile_is_told_with_the_nearest_one(folder):
    write(folder, "[profiles.production]\nmax_contacts = 1\n")
    with pytest.raises(FixCommand) as caught:
        load({"profile": "prodution"})
    assert caught.value.hint == "did you mean production?"


def test_an_unknown_variable_is_told_with_the_nearest_one(folder, monkeypatch):
    monkeypatch.setenv("IMPORTER_MAXCONTACTS", "5")
    with pytest.raises(FixCommand) as caught:
        load()
    assert caught.value.hint == "did you mean IMPORTER_MAX_CONTACTS?"


def test_a_file_that_is_no_toml_or_is_missing_is_told_by_name(folder):
    write(folder, "max_contacts = = 5")
    with pytest.raises(FixCommand, match=r"importer\.toml: is no TOML"):
        load()
    with pytest.raises(FixCommand, match=r"other\.toml: cannot be read"):
        load(config="other.toml")


def test_settings_are_frozen(folder):
    with pytest.raises(ValueError, match="frozen"):
        load().max_contacts = 5
