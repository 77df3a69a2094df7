"""Mechanisms of the likelihood tracker: which lines hold them, which test sees them."""

from __future__ import annotations

from mutations import Mutation

SAFE = ("test_likelihood.py::test_useless_depth_changes_nothing_at_all",)
RATES = ("test_likelihood.py::test_rates_of_depth_move_boxes_only_where_they_foresee_them",)

OF_LIKELIHOOD = (
    Mutation(
        "likelihood: depth earns its say",
        (("(len(rows), len(seen)), motion.depth_trust", "(len(rows), len(seen)), 1.0"),),
        SAFE,
    ),
    Mutation(
        "likelihood: looks",
        (("self._looks.worth.trust * np.where(np.isnan(by_looks)", "0.0 * np.where(np.isnan(by_looks)"),),
        ("test_likelihood_looks.py::test_looks_part_two_who_pass_in_one_place",),
    ),
    Mutation(
        "likelihood: looks earn their say",
        (("self._looks.worth.trust * np.where(np.isnan(by_looks)", "1.0 * np.where(np.isnan(by_looks)"),),
        ("test_likelihood_looks.py::test_useless_looks_change_nothing_at_all",),
    ),
    Mutation(
        "likelihood: depths that all move",
        (("        if not (moves.any() or doubts.any()):\n", "        if True:\n"),),
        ("test_likelihood_drift.py::test_depths_that_all_move_at_once_are_followed",),
    ),
    Mutation(
        "likelihood: no speed that all depths share",
        (("        if self.log_depth and moves.any():\n", "        if False:\n"),),
        ("test_likelihood_drift.py::test_depths_that_all_move_at_once_are_followed",),
    ),
    Mutation(
        "likelihood: unseen moves of all depths",
        (
            (
                "                doubts += self._squares[index] * lever**2 if",
                "                doubts += 0.0 if",
            ),
        ),
        ("test_likelihood_drift.py::test_where_too_few_tell_how_all_depths_moved_they_are_less_sure",),
    ),
    Mutation(
        "likelihood: depth said twice",
        (("return min(max((said_twice - self.share) / (said_twice - new), 0.0), 1.0)", "return 1.0"),),
        ("test_likelihood.py::test_depth_computed_from_the_box_has_no_say",),
    ),
    Mutation(
        "likelihood: smoothing between close frames only",
        (("    smoothing_step = 0.12", "    smoothing_step = 9.0"),),
        ("test_likelihood.py::test_boxes_are_smoothed_only_between_close_frames",),
    ),
    Mutation(
        "likelihood: lost tracks by the second",
        (("np.minimum(self.lost_evidence * unseen, MOST_LOST_EVIDENCE)", "MOST_LOST_EVIDENCE"),),
        ("test_likelihood.py::test_a_hidden_track_needs_no_more_evidence_than_one_that_is_seen",),
    ),
    Mutation(
        "likelihood: evidence of depth",
        (("(len(rows), len(seen)), motion.depth_trust", "(len(rows), len(seen)), 0.0"),),
        ("test_likelihood.py::test_depth_parts_two_who_pass_in_one_place",),
    ),
    Mutation(
        "likelihood: the spread of depths starts unknown",
        (("FIRST_SPREAD = np.array([1e5, 1e4, 0.5, 0.5, 0.0])", "FIRST_SPREAD = np.full(5, 1e5)"),),
        SAFE,
    ),
    Mutation(
        "likelihood: rates of depth earn their say",
        (
            (
                "return min(max((self.bound - self._useful) / (self._telling - self._useful), 0.0), 1.0)",
                "return 1.0",
            ),
        ),
        RATES,
    ),
    Mutation(
        "likelihood: hiding",
        (("asked * (1 - np.minimum(hidden / HIDDEN, 1.0))", "asked"),),
        ("test_likelihood.py::test_a_hidden_track_needs_no_more_evidence_than_one_that_is_seen",),
    ),
    Mutation(
        "likelihood: camera's shift",
        (("        motion.shift(shift)\n", ""),),
        ("test_likelihood.py::test_a_jump_of_the_camera_is_taken_out",),
    ),
    Mutation(
        "likelihood: measurement noise apart from acceleration",
        (
            (
                "power = (self._differences[1] - self._differences[0]) * 1.5 / (7 * time**3)",
                "power = self._differences[0] * 1.5 / time**3",
            ),
        ),
        ("test_likelihood.py::test_learned_noise_is_that_of_the_stream_at_any_frame_rate",),
    ),
    Mutation(
        "likelihood: births by learned reliability",
        (
            (
                "real = self._births.share(taken.scores) > self.birth_share",
                "real = taken.scores > 2",
            ),
        ),
        ("test_likelihood.py::test_births_are_reported_at_once_where_such_births_proved_real",),
    ),
    Mutation(
        "likelihood: low scores told by their share on tracks",
        (
            (
                "(scores < self.high_score) & (self._fits.share(scores) < self.report_share)",
                "np.zeros(len(scores), bool)",
            ),
        ),
        ("test_likelihood_scores.py::test_low_scores_are_told_where_such_lie_on_tracks",),
    ),
    Mutation(
        "likelihood: tremble in its own scale",
        (("self._moments.diagonal() * self._pending / self._count + LEAST", "FIRST_COUNT * TYPICAL**2"),),
        ("test_likelihood_scores.py::test_depth_said_twice_is_found_out_however_little_it_trembles",),
    ),
    Mutation(
        "likelihood: depth's noise is learned fast",
        (("GUESS_WEIGHT = np.array([20.0, 20.0, 20.0, 20.0, 10.0])", "GUESS_WEIGHT = np.full(5, 30.0)"),),
        ("test_likelihood_scores.py::test_noise_of_depth_is_known_within_two_seconds_at_a_low_rate",),
    ),
    Mutation(
        "likelihood: one edge of a box may be wrong",
        (("cut = np.flatnonzero(axes[axis] & ~axes[1 - axis])", "cut = np.zeros(0, np.intp)"),),
        ("test_likelihood_boxes.py::test_a_box_that_is_cut_at_one_edge_keeps_its_identity",),
    ),
    Mutation(
        "likelihood: each track's own noise",
        (("        self.unrest.learn(rows, surprises)\n", ""),),
        ("test_likelihood_boxes.py::test_a_restless_one_is_known_by_its_own_surprises",),
    ),
    Mutation(
        "likelihood: suppressed detections come back",
        (("(scores < self.low_score) & ~agreed)", "scores < self.low_score)"),),
        ("test_likelihood_boxes.py::test_what_was_suppressed_comes_back_where_box_and_depth_agree",),
    ),
    Mutation(
        "likelihood: only where depth agrees",
        (("& (by_depth > AGREED_DEPTH) & (trust == 1)", ""),),
        ("test_likelihood_boxes.py::test_without_depth_nothing_suppressed_comes_back",),
    ),
    Mutation(
        "likelihood: depth said twice between close frames",
        (("(CLOSE_NEW, CLOSE_SAID_TWICE) if seconds <= CLOSE else (NEW, SAID_TWICE)", "(NEW, SAID_TWICE)"),),
        ("test_likelihood_boxes.py::test_between_close_frames_less_of_a_depth_may_be_the_boxs",),
    ),
)
