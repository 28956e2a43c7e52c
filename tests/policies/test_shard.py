"""What one OPA process is offered, over every fate a download can have."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.bundles.archive import module_path
from agents.bundles.ports import LoadableVersion, LoadedState, VersionKey
from agents.bundles.reports import Report, Trouble
from agents.bundles.shard import Offer, Shard


def version(n: int, state: LoadedState = "active", confirmed: int = 0) -> LoadableVersion:
    return LoadableVersion("acme", f"p{n}", 1, state, f"digest-{n}", None, confirmed)


def offered(shard: Shard) -> Offer:
    assert shard.offer is not None
    return shard.offer


def held(offer: Offer | None) -> set[str]:
    return {policy_id for _, policy_id, _ in offer.contents.digests} if offer else set()


@dataclass(slots=True)
class Opa:
    """An OPA as a shard sees it: it polls, loads what it can, reports."""

    shard: Shard
    bad: frozenset[VersionKey] = frozenset()
    names_files: bool = False
    serves: Offer | None = None
    now: int = 1_000
    lost: set[VersionKey] = field(default_factory=set)
    """Versions that it once served and then had to do without, though they were still wanted."""

    def poll(self) -> bool:
        """One round; False when there was nothing to load."""
        self.now += 1
        etag = self.serves.etag if self.serves else ""
        self.shard.polled(etag, self.now)
        if not self.shard.may_deliver(etag):
            return False
        offer = offered(self.shard)
        self.shard.delivered(offer)
        broken = [key for key in offer.contents.digests if key in self.bad]
        if broken:
            files = frozenset(module_path(key) for key in broken) if self.names_files else frozenset()
            self.shard.reported(Report(self.revision, Trouble("cannot compile", files)), self.now)
        else:
            if self.serves:
                wanted = {v.key for v in self.shard._wanted}
                self.lost |= (self.serves.contents.digests.keys() & wanted) - offer.contents.digests.keys()
            self.serves = offer
            self.shard.reported(Report(self.revision, None), self.now)
        return True

    @property
    def revision(self) -> int:
        return self.serves.revision if self.serves else 0

    def settle(self, rounds: int = 200) -> None:
        """Polls until there is nothing more to load."""
        for _ in range(rounds):
            if not self.poll():
                return
        raise AssertionError("the shard keeps offering")


def test_a_bundle_is_offered_until_it_is_served_and_then_no_more() -> None:
    shard = Shard("opa-0")
    assert shard.want([version(1), version(2)], 1_000)
    opa = Opa(shard)
    assert opa.poll()
    assert not opa.poll()
    assert shard.confirmed == opa.serves
    assert held(opa.serves) == {"p1", "p2"}


def test_a_state_that_changes_without_the_contents_makes_no_new_bundle() -> None:
    shard = Shard("opa-0")
    shard.want([version(1, "activating")], 1_000)
    Opa(shard).settle()
    assert not shard.want([version(1, "active", offered(shard).revision)], 2_000)


def test_what_is_no_longer_wanted_leaves_with_the_next_addition() -> None:
    shard = Shard("opa-0")
    shard.want([version(1), version(2)], 1_000)
    opa = Opa(shard)
    opa.settle()
    assert not shard.want([version(1)], 2_000)
    assert not opa.poll()
    assert shard.want([version(1), version(3)], 3_000)
    opa.settle()
    assert held(opa.serves) == {"p1", "p3"}


def test_what_is_wanted_again_before_it_left_is_served_without_a_new_bundle() -> None:
    shard = Shard("opa-0")
    shard.want([version(1), version(2)], 1_000)
    opa = Opa(shard)
    opa.settle()
    shard.want([version(1)], 2_000)
    assert not shard.want([version(1), version(2, "activating")], 3_000)
    assert shard.serves(version(2).key)


def test_a_text_that_changed_is_offered() -> None:
    shard = Shard("opa-0")
    shard.want([version(1), version(2)], 1_000)
    Opa(shard).settle()
    assert shard.want([replace(version(1), digest="other")], 2_000)


def test_what_was_never_loaded_leaves_at_once() -> None:
    bad = version(3, "activating")
    shard = Shard("opa-0")
    shard.want([version(1)], 1_000)
    opa = Opa(shard, frozenset({bad.key}))
    opa.settle()
    shard.want([version(1), version(2), bad], 2_000)
    shard.delivered(offered(shard))
    shard.want([version(1), version(2)], 3_000)
    assert held(shard.offer) == {"p1", "p2"}


def test_revisions_rise_although_the_clock_steps_back() -> None:
    shard = Shard("opa-0")
    revisions = []
    for n, now in enumerate([5_000, 4_000, 3_000, 9_000, 1]):
        assert shard.want([version(n)], now)
        revisions.append(offered(shard).revision)
    assert revisions == sorted(set(revisions))
    assert revisions[0] == 5_000
    assert revisions[3] == 9_000


def test_a_new_bundle_is_above_every_revision_that_the_database_knows() -> None:
    shard = Shard("opa-0")
    shard.want([version(1, confirmed=77_000)], 1_000)
    assert offered(shard).revision > 77_000


def test_a_restarted_service_goes_on_with_what_opa_already_serves() -> None:
    before = Shard("opa-0")
    before.want([version(1), version(2, "activating")], 9_000)
    opa = Opa(before)
    opa.settle()
    after = Shard("opa-0")
    after.want([version(1), version(2, "activating")], 10_000)
    opa.shard = after
    assert not opa.poll()
    assert after.confirmed == opa.serves
    assert offered(after).revision == 9_000
    assert not after.reported(Report(9_000, None), 10_001)
    assert offered(after).revision == 9_000


def test_a_restarted_service_with_a_clock_behind_goes_above_what_opa_serves() -> None:
    before = Shard("opa-0")
    before.want([version(1)], 9_000)
    opa = Opa(before)
    opa.settle()
    after = Shard("opa-0")
    after.want([version(1), version(2)], 2_000)
    opa.shard = after
    opa.settle()
    assert opa.revision > 9_000
    assert held(opa.serves) == {"p1", "p2"}


def test_a_report_alone_raises_the_revisions_too() -> None:
    shard = Shard("opa-0")
    shard.want([version(1)], 1_000)
    assert shard.reported(Report(50_000, None), 1_001)
    assert offered(shard).revision > 50_000


def test_a_bundle_that_was_replaced_while_it_loaded_still_confirms_its_versions() -> None:
    shard = Shard("opa-0")
    shard.want([version(1)], 1_000)
    first = offered(shard)
    shard.polled("", 1_001)
    shard.delivered(first)
    shard.want([version(1), version(2)], 1_002)
    shard.polled(first.etag, 1_003)
    assert shard.confirmed == first
    assert shard.may_deliver(first.etag)


def test_nothing_is_sent_again_while_the_fate_of_the_last_download_is_open() -> None:
    shard = Shard("opa-0")
    shard.want([version(1)], 1_000)
    assert shard.may_deliver("")
    shard.delivered(offered(shard))
    shard.want([version(1), version(2)], 1_001)
    shard.polled("", 1_002)
    assert not shard.may_deliver("")
    shard.forget_delivery()
    assert shard.may_deliver("")


def test_a_failed_download_of_another_bundle_blames_nobody() -> None:
    shard = Shard("opa-0")
    shard.want([version(1), version(2, "activating")], 1_000)
    shard.reported(Report(0, Trouble("cannot compile", frozenset())), 1_001)
    assert shard.excluded == {}
    assert held(shard.offer) == {"p1", "p2"}


def test_a_culprit_that_opa_names_is_left_out_at_once() -> None:
    bad = version(3, "activating")
    shard = Shard("opa-0")
    shard.want([version(1), version(2, "activating"), bad], 1_000)
    opa = Opa(shard, frozenset({bad.key}), names_files=True)
    opa.settle(2 + 1)
    assert held(opa.serves) == {"p1", "p2"}
    assert shard.excluded == {bad.key: "cannot compile"}
    assert shard.trouble is None


def test_an_excluded_version_that_goes_is_forgotten() -> None:
    bad = version(3, "activating")
    shard = Shard("opa-0")
    shard.want([version(1), bad], 1_000)
    opa = Opa(shard, frozenset({bad.key}), names_files=True)
    opa.settle()
    shard.want([version(1)], 2_000)
    assert shard.excluded == {}


def test_without_a_proven_bundle_nobody_is_blamed_without_a_name() -> None:
    """A wrong signing key, say, keeps every bundle from loading."""
    shard = Shard("opa-0")
    versions = [version(1), version(2), version(3, "superseded"), version(4, "activating")]
    shard.want(versions, 1_000)
    opa = Opa(shard, frozenset(v.key for v in versions))
    offers = []
    for _ in range(10):
        opa.poll()
        offers.append(held(shard.offer))
    assert shard.excluded == {}
    assert shard.trouble is not None
    assert all(offer >= {"p1", "p2", "p3"} for offer in offers)


_STATES: st.SearchStrategy[LoadedState] = st.sampled_from(["active", "superseded", "activating"])


@settings(max_examples=300, deadline=None)
@given(
    good=st.integers(0, 8),
    bad=st.sets(st.integers(100, 130), max_size=6),
    more=st.integers(0, 12),
    states=st.data(),
    names_files=st.booleans(),
)
def test_every_culprit_is_found_and_everything_else_is_served(
    good: int, bad: set[int], more: int, states: st.DataObject, names_files: bool
) -> None:
    base = [version(n) for n in range(good)]
    culprits = [version(n, "activating") for n in sorted(bad)]
    added = [version(n, states.draw(_STATES)) for n in range(50, 50 + more)]
    shard = Shard("opa-0")
    shard.want(base, 1_000)
    opa = Opa(shard, frozenset(v.key for v in culprits), names_files)
    opa.settle()
    shard.want([*base, *culprits, *added], 2_000)
    opa.settle()
    assert shard.excluded.keys() == {v.key for v in culprits}
    assert held(opa.serves) == {v.policy_id for v in [*base, *added]}
    assert opa.lost == set()
    assert shard.confirmed == opa.serves


def test_a_version_keeps_its_place_in_the_bundle_whatever_the_tenants_name() -> None:
    paths = {
        module_path((tenant, "p", 1)) for tenant in ("a", "A", "..", ".", "a/b", "a%2Fb", "é", "a b", "-")
    }
    assert len(paths) == 9
    assert all(".." not in path.split("/") for path in paths)


def test_the_name_of_contents_follows_their_text_and_the_key_alone() -> None:
    one, other = Shard("opa-0"), Shard("opa-1")
    one.want([version(1), version(2)], 1_000)
    other.want([version(2), version(1)], 2_000)
    assert offered(one).name == offered(other).name
    signed = Shard("opa-0", signing_key=b"k" * 32)
    signed.want([version(1), version(2)], 1_000)
    assert offered(signed).name != offered(one).name
    changed = Shard("opa-0")
    changed.want([version(1), replace(version(2), digest="other")], 1_000)
    assert offered(changed).name != offered(one).name
