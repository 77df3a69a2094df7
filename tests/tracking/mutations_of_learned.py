"""Mechanisms of the learned tracker: which lines hold them, which test sees them."""

from __future__ import annotations

from mutations import Mutation

OF_LEARNED = (
    Mutation(
        "learned: the network sees depth that has earned its say",
        (("        if self._motion.depth_trust <= 0:\n", "        if self.fusion.mode == 'none':\n"),),
        ("test_learned.py::test_useless_depth_changes_nothing_at_all",),
    ),
    Mutation(
        "learned: paths in perspective",
        (("    near = 1 - way[:, LOG_H]\n", "    near = np.exp(-way[:, LOG_H])\n"),),
        ("test_learned.py::test_a_path_leads_in_perspective_as_a_steady_motion_in_space_does",),
    ),
    Mutation(
        "learned: how fast objects of this stream are",
        (("        _follow(self._speed, self._speed_lessons, np.mean, speeds, memory=SPEED_MEMORY)\n", ""),),
        ("test_learned.py::test_the_network_is_told_how_fast_objects_are_in_this_stream",),
    ),
    Mutation(
        "learned: low scores told by their share on tracks",
        (
            (
                "self._judge_scores(seen.scores, witness.fitting)",
                "self._judge_scores(seen.scores, columns[:0])",
            ),
        ),
        ("test_learned.py::test_low_scores_are_reported_where_such_lie_on_tracks",),
    ),
    Mutation(
        "learned: looks",
        (("weight * np.nan_to_num(said).reshape(shape)", "np.zeros(shape)"),),
        ("test_likelihood_looks.py::test_looks_part_two_who_pass_in_one_place",),
    ),
    Mutation(
        "learned: looks earn their say",
        (("self.looks_share * self._looks.worth.trust", "self.looks_share"),),
        ("test_likelihood_looks.py::test_useless_looks_change_nothing_at_all",),
    ),
    Mutation(
        "likelihood, learned: looks vouch for doubtful scores",
        (("columns[:0] if said is None else columns[said > AGREED]", "columns[:0]"),),
        ("test_likelihood_looks.py::test_a_doubtful_score_is_reported_where_it_looks_like_its_track",),
    ),
)
