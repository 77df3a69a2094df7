"""Mechanisms of depth fusion and of motion in space: which lines hold them, which test sees them."""

from __future__ import annotations

from mutations import Mutation

OF_DEPTH = (
    Mutation(
        "depth: likelihood ratio",
        (("fused = plain - self.gamma * self.trust * evidence / EVIDENCE_SCALE", "fused = plain.copy()"),),
        ("test_depth_evidence.py::test_likelihood_ratio_tells_who_changed_places",),
    ),
    Mutation(
        "depth: predicted depth",
        (
            (
                "innovation = values[columns] - filters.mean[rows, DEPTH]",
                "innovation = values[columns] - np.log(self.last[rows])",
            ),
        ),
        ("test_depth_evidence.py::test_kalman_compares_with_the_predicted_depth",),
    ),
    Mutation(
        "depth: learned noise",
        (("        self.same.add(surplus[clear], weights[clear])\n", ""),),
        ("test_depth_evidence.py::test_depth_noise_is_learned",),
    ),
    Mutation(
        "depth: learned noise under occlusion",
        (
            (
                "self.covered.add((surplus[~clear] - self.same.value) / part, weights[~clear] * part)",
                "pass",
            ),
        ),
        ("test_depth_evidence.py::test_depth_noise_is_learned",),
    ),
    Mutation(
        "depth: learns from clear pairs",
        (
            (
                "sure = (similarity[t, d] > 0.4) & (close.sum(1)[t] == 1) & (close.sum(0)[d] == 1)",
                "sure = similarity[t, d] > 0.0",
            ),
        ),
        ("test_depth_evidence.py::test_noise_is_learned_from_clear_pairs_only",),
    ),
    Mutation(
        "depth: noise under occlusion",
        ((" + self.covered.value * share**2", ""),),
        ("test_depth_evidence.py::test_noise_under_occlusion_keeps_a_covered_box_with_its_track",),
    ),
    Mutation(
        "depth: smallest noise",
        (("max(self.same.value, SMALLEST_NOISE**2)", "self.same.value"),),
        ("test_depth_evidence.py::test_noise_under_occlusion_keeps_a_covered_box_with_its_track",),
    ),
    Mutation(
        "depth: outlier floor",
        (("        ratio = np.log(wrong + (1 - wrong) * np.exp(np.maximum(ratio, -30.0)))\n", ""),),
        ("test_depth_evidence.py::test_outlier_floor_keeps_a_track_through_one_wrong_depth",),
    ),
    Mutation(
        "depth: learned outlier share",
        (("        self.outliers.add(wrong.astype(np.float64), np.ones(len(t)))\n", ""),),
        ("test_depth_evidence.py::test_share_of_outliers_is_learned",),
    ),
    Mutation(
        "depth: trust",
        (("self.gamma * self.trust * evidence", "self.gamma * evidence"),),
        ("test_depth_evidence.py::test_trust_keeps_useless_depth_out",),
    ),
    Mutation(
        "depth: safe bound",
        (
            (
                "errors = math.sqrt(2 / self.same.weight) + math.sqrt(2 / self.different.weight)",
                "errors = 0.0",
            ),
        ),
        ("test_depth_evidence.py::test_safe_bound_waits_for_more_than_a_few_pairs",),
    ),
    Mutation(
        "depth: neutral unknown",
        (("np.where(np.isnan(fused), plain, fused)", "np.where(np.isnan(fused), 1.0, fused)"),),
        ("test_depth_evidence.py::test_unknown_depth_is_neutral",),
    ),
    Mutation(
        "depth: first known depth",
        (("        filters.mean[new, DEPTH], filters.velocity[new, DEPTH] = depths[fresh], 0.0\n", ""),),
        ("test_depth_evidence.py::test_a_track_without_depth_starts_at_its_first_known_one",),
    ),
    Mutation(
        "depth: plain limit",
        (("allowed = costs <= min(cost_limit, 1 - 1e-6)", "allowed = costs <= 2.0"),),
        ("test_depth_evidence.py::test_plain_limit_holds_whatever_depth_says",),
    ),
    Mutation(
        "depth: detector's own sigma",
        (("variances=np.fmax(learned, given**2)", "variances=learned + 0 * given.size"),),
        ("test_depth_evidence.py::test_detectors_own_sigma_makes_a_depth_less_sure",),
    ),
    Mutation(
        "depth: slack of SORT's limit",
        (("DEPTH_SLACK = 0.1", "DEPTH_SLACK = 0.0"),),
        ("test_depth_evidence.py::test_sort_gives_a_pair_up_only_beyond_some_slack",),
    ),
    Mutation(
        "depth: learned rate of new tracks",
        (("        self.rate_variance.add(np.minimum(own**2, INITIAL_RATE**2), np.ones(len(own)))\n", ""),),
        ("test_depth_evidence.py::test_rate_of_new_tracks_is_learned",),
    ),
    Mutation(
        "depth: fixed formula",
        (("gap = np.abs(self.last[tracks] - seen.depths[columns])", "gap = np.zeros(len(tracks))"),),
        ("test_depth_evidence.py::test_fixed_and_kalman_tell_who_changed_places",),
    ),
    Mutation(
        "depth: kalman formula",
        (("gap = np.abs(innovation) / np.sqrt(variance)", "gap = np.zeros(len(tracks))"),),
        ("test_depth_evidence.py::test_fixed_and_kalman_tell_who_changed_places",),
    ),
    Mutation(
        "depth: leads",
        (
            (
                "        if not self.leads:\n            return boxes\n",
                "        if True:\n            return boxes\n",
            ),
        ),
        ("test_depth_recovery.py::test_motion_in_space_leads_where_it_foresees_boxes_better",),
    ),
    Mutation(
        "depth: leads only where it foresees better",
        (("return self.telling and self.box_gain.value > SMALLEST_GAIN", "return self.telling"),),
        ("test_depth_recovery.py::test_motion_in_space_does_not_lead_where_it_foresees_nothing",),
    ),
    Mutation(
        "depth: recovery",
        (("if not self.telling or self._needless or not len(rows)", "if True or not len(rows)"),),
        ("test_depth_recovery.py::test_recovery_finds_who_left_his_box_behind",),
    ),
    Mutation(
        "depth: recovery gate",
        (("(total > 0) & (error**2 < RECOVER_GATE * same).all(-1)", "total > 0"),),
        ("test_depth_recovery.py::test_recovery_gate_bounds_each_coordinate",),
    ),
    Mutation(
        "depth: evidence that recovery asks for",
        (("- RECOVER_EVIDENCE -", "-"),),
        ("test_depth_recovery.py::test_recovery_asks_for_evidence",),
    ),
    Mutation(
        "depth: more evidence for lost tracks",
        ((" - LOST_EVIDENCE * (misses[t] > 1)", ""),),
        ("test_depth_recovery.py::test_recovery_of_a_lost_track_asks_for_more_evidence",),
    ),
    Mutation(
        "depth: recovery rests where boxes meet",
        (("if not self.telling or self._needless or not", "if not self.telling or not"),),
        ("test_depth_recovery.py::test_recovery_rests_where_boxes_meet_anyway",),
    ),
    Mutation(
        "depth: recovery only by telling depth",
        (
            ("if not self._depth.telling or not len(left)", "if not len(left)"),
            ("if not self.telling or self._needless or not", "if self._needless or not"),
        ),
        ("test_depth_recovery.py::test_recovery_needs_depth_that_tells",),
    ),
    Mutation(
        "depth: recovery keeps classes apart",
        (("            rows, columns = rows[keep], columns[keep]\n", "            pass\n"),),
        ("test_depth_recovery.py::test_recovery_keeps_classes_apart_when_asked",),
    ),
    Mutation(
        "depth: start with the common motion",
        (("        self._start_with_the_world(len(states))\n", ""),),
        ("test_depth_recovery.py::test_new_tracks_start_with_the_common_motion",),
    ),
    Mutation(
        "depth: first rate from the height",
        (
            (
                "            filters.velocity[new, DEPTH] = -filters.velocity[new, HEIGHT]\n",
                "            pass\n",
            ),
        ),
        ("test_depth_recovery.py::test_first_known_depth_takes_its_rate_from_the_height",),
    ),
    Mutation(
        "perspective: size",
        (("filters.mean[:, 2:4] = sizes - np.log(ratio)[:, None]", "filters.mean[:, 2:4] = sizes"),),
        ("test_depth_recovery.py::test_perspective_foresees_the_box_of_who_comes_near",),
    ),
    Mutation(
        "perspective: speed",
        (
            (
                "filters.mean[:, :2] = centre + seconds * speed / ratio[:, None]",
                "filters.mean[:, :2] = centre + seconds * speed",
            ),
        ),
        ("test_depth_recovery.py::test_perspective_foresees_the_box_of_who_comes_near",),
    ),
    Mutation(
        "perspective: depth",
        (("filters.mean[:, DEPTH] = depths + np.log(ratio)", "filters.mean[:, DEPTH] = depths"),),
        ("test_depth_recovery.py::test_perspective_foresees_the_box_of_who_comes_near",),
    ),
    Mutation(
        "perspective: rate from depth and height",
        (
            (
                "total = by_depth * velocity[:, DEPTH] - by_height * velocity[:, HEIGHT]",
                "total = by_depth * velocity[:, DEPTH] * 0",
            ),
        ),
        ("test_depth_recovery.py::test_perspective_foresees_the_box_of_who_comes_near",),
    ),
    Mutation(
        "perspective: nobody passes the camera",
        (("passing = ratio < SMALLEST_STEP_RATIO", "passing = ratio < -1e9"),),
        ("test_depth_fusion.py::test_perspective_motion_never_runs_away",),
    ),
    Mutation(
        "pseudo-depth: hidden feet are less certain",
        (("np.where(hidden, _HIDDEN_NOISE, _FOOT_NOISE)", "np.where(hidden, _FOOT_NOISE, _FOOT_NOISE)"),),
        ("test_pseudo_depth.py::test_cut_and_hidden_feet_are_less_certain",),
    ),
    Mutation(
        "pseudo-depth: cut feet are told from heads",
        (("feet = np.where(cut, np.clip(from_head, feet, feet + 3 * height), feet)", "feet = feet + 0.0"),),
        ("test_pseudo_depth.py::test_cut_and_hidden_feet_are_less_certain",),
    ),
    Mutation(
        "pseudo-depth: robust ground plane",
        (("robust = weights * np.minimum(1.0, spread / np.maximum(error, 1e-9))", "robust = weights"),),
        ("test_pseudo_depth.py::test_some_false_boxes_do_not_tilt_the_ground",),
    ),
    Mutation(
        "pseudo-depth: follows a tilting camera",
        (
            ("[-_MEMORY:]\n        self._heights", "[:_MEMORY]\n        self._heights"),
            ("inside[:, 3] - inside[:, 1]])[-_MEMORY:]", "inside[:, 3] - inside[:, 1]])[:_MEMORY]"),
        ),
        ("test_pseudo_depth.py::test_a_tilting_camera_is_followed",),
    ),
)
