"""Mechanisms of depth fusion and of motion in space: which lines hold them, which test sees them."""

from __future__ import annotations

from mutations import Mutation

OF_DEPTH = (
    Mutation(
        "depth: likelihood ratio",
        (
            (
                "return np.asarray(plain - self._gamma * noise.trust * evidence / EVIDENCE_SCALE)",
                "return plain.copy()",
            ),
        ),
        ("test_depth_evidence.py::test_likelihood_ratio_tells_who_changed_places",),
    ),
    Mutation(
        "depth: predicted depth",
        (
            (
                "seen.values[columns] - filters.mean[rows, DEPTH]",
                "seen.values[columns] - filters.mean[rows, DEPTH] + 0.1 * filters.velocity[rows, DEPTH]",
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
                "sure = (similarity[t, d] > 0.4) & _alone(close, similarity.shape, t, d)",
                "sure = similarity[t, d] > 0.0",
            ),
        ),
        ("test_depth_evidence.py::test_noise_is_learned_from_clear_pairs_only",),
    ),
    Mutation(
        "depth: noise under occlusion",
        ((" + self.noise.covered.value * covered**2", ""),),
        ("test_depth_evidence.py::test_noise_under_occlusion_keeps_a_covered_box_with_its_track",),
    ),
    Mutation(
        "depth: smallest noise",
        (("max(self.noise.same.value, SMALLEST_NOISE**2)", "self.noise.same.value"),),
        ("test_depth_evidence.py::test_noise_under_occlusion_keeps_a_covered_box_with_its_track",),
    ),
    Mutation(
        "depth: outlier floor",
        (("np.log(WRONG_SHARE + (1 - WRONG_SHARE) * ratio)", "np.log(np.maximum(ratio, 1e-30))"),),
        ("test_depth_evidence.py::test_outlier_floor_keeps_a_track_through_one_wrong_depth",),
    ),
    Mutation(
        "depth: learned scale",
        (("self.scale = max(_core_variance(squares, 1.0), SMALLEST_SCALE)", "self.scale = 1.0"),),
        ("test_depth_judgement.py::test_scale_of_the_noise_is_learned",),
    ),
    Mutation(
        "depth: scale from contested pairs",
        (("contested = ~_alone(close, similarity.shape, t, d)", "contested = np.ones(len(t), bool)"),),
        ("test_depth_judgement.py::test_scale_is_that_of_contested_pairs",),
    ),
    Mutation(
        "depth: tail of the noise",
        (
            (
                "ratio += recent.tail_share * np.exp(log_likelihood_ratio(innovation, tail, different))",
                "ratio /= 1 - recent.tail_share",
            ),
        ),
        ("test_depth_judgement.py::test_tail_keeps_the_boxes_word_where_every_tenth_depth_is_wrong",),
    ),
    Mutation(
        "depth: control",
        (("(seen.values[next_one] - foretold) ** 2,", "np.ones(len(d)),"),),
        ("test_depth_judgement.py::test_control_is_what_the_same_depths_say_when_handed_on",),
    ),
    Mutation(
        "depth: judged by contested pairs too",
        (
            (
                "mutually_best(close, similarity[close], similarity.shape).nonzero()",
                "_alone(close, similarity.shape, *close).nonzero()",
            ),
        ),
        ("test_depth_judgement.py::test_a_few_frames_are_enough_where_everybody_overlaps",),
    ),
    Mutation(
        "depth: trust",
        (("self._gamma * noise.trust * evidence", "self._gamma * evidence"),),
        ("test_depth_evidence.py::test_trust_keeps_useless_depth_out",),
    ),
    Mutation(
        "depth: safe bound",
        (("doubt = 2 * math.sqrt(2 / (len(self._own) + 1))", "doubt = 0.0"),),
        ("test_depth_judgement.py::test_the_same_evidence_counts_more_from_more_pairs",),
    ),
    Mutation(
        "depth: neutral unknown",
        (("np.where(np.isnan(fused), plain, fused)", "np.where(np.isnan(fused), 1.0, fused)"),),
        ("test_depth_evidence.py::test_unknown_depth_is_neutral",),
    ),
    Mutation(
        "depth: first known depth",
        (
            (
                "filters.mean[new, DEPTH], filters.velocity[new, DEPTH] = states[fresh, DEPTH], 0.0\n",
                "pass\n",
            ),
        ),
        ("test_depth_evidence.py::test_a_track_without_depth_starts_at_its_first_known_one",),
    ),
    Mutation(
        "depth: plain limit",
        (("limit = min(cost_limit, 1 - 1e-6)", "limit = 2.0"),),
        ("test_depth_evidence.py::test_plain_limit_holds_whatever_depth_says",),
    ),
    Mutation(
        "depth: detector's own sigma",
        (("np.fmax(learned, given**2)", "learned + 0 * given.size"),),
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
        (("gap = np.abs(self._last[rows] - seen.depths[columns])", "gap = np.zeros(len(rows))"),),
        ("test_depth_evidence.py::test_fixed_and_kalman_tell_who_changed_places",),
    ),
    Mutation(
        "depth: kalman formula",
        (("gap = np.abs(innovation) / np.sqrt(variance)", "gap = np.zeros(len(rows))"),),
        ("test_depth_evidence.py::test_fixed_and_kalman_tell_who_changed_places",),
    ),
    Mutation(
        "depth: leads",
        (("if depth is not None and depth.noise.leads:", "if False:"),),
        ("test_depth_recovery.py::test_motion_in_space_leads_where_it_foresees_boxes_better",),
    ),
    Mutation(
        "depth: leads only where it foresees better",
        (("self.telling and young, self.telling and old", "self.telling, self.telling"),),
        ("test_depth_recovery.py::test_motion_in_space_does_not_lead_where_it_foresees_nothing",),
    ),
    Mutation(
        "depth: common shift",
        (("        if shift or tilt:\n", "        if False:\n"),),
        ("test_depth_common.py::test_depths_that_all_move_at_once_are_followed",),
    ),
    Mutation(
        "depth: tilt of the common shift",
        (("if count < TILT_PAIRS:", "if True:"),),
        ("test_depth_common.py::test_a_shift_that_changes_across_the_image_is_followed",),
    ),
    Mutation(
        "depth: said twice",
        (("self.trust = earned * self.redundancy.say", "self.trust = earned"),),
        ("test_depth_common.py::test_depth_that_is_the_boxes_foot_said_twice_has_no_say",),
    ),
    Mutation(
        "depth: said twice while all depths move",
        (("        tremble = own_part(tremble, places)\n", ""),),
        ("test_depth_common.py::test_depth_said_twice_has_no_say_while_all_depths_move",),
    ),
    Mutation(
        "depth: close frames",
        (("        self._redundancy.step(step.seconds)\n", ""),),
        ("test_depth_common.py::test_between_close_frames_a_third_of_a_depths_tremble_is_too_much",),
    ),
    Mutation(
        "depth: jumps say nothing twice",
        (("return np.asarray(sizes <= USUAL * self._deviation)", "return np.ones(len(sizes), bool)"),),
        ("test_depth_common.py::test_tracks_that_jump_between_people_do_not_silence_depth",),
    ),
    Mutation(
        "depth: leads by age",
        (
            (
                "np.where(self.perspective.updates <= YOUNG, self.noise.leads_young, self.noise.leads_old)",
                "self.noise.leads",
            ),
        ),
        ("test_depth_common.py::test_space_leads_the_tracks_whose_age_it_foresees_better",),
    ),
    Mutation(
        "depth: recovery",
        (("if depth is not None and depth.noise.recovers:", "if False:"),),
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
        (
            (
                "self.recovers = self.telling and (young or old or unknown)",
                "self.recovers = self.telling",
            ),
        ),
        ("test_depth_recovery.py::test_recovery_rests_where_boxes_meet_anyway",),
    ),
    Mutation(
        "depth: recovery only by telling depth",
        (("self.recovers = self.telling and (young", "self.recovers = True and (young"),),
        ("test_depth_recovery.py::test_recovery_needs_depth_that_tells",),
    ),
    Mutation(
        "depth: recovery keeps classes apart",
        (("            t, d = t[same], d[same]\n", "            pass\n"),),
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
        (("        mean[:, 2:4] -= growth[:, None]\n", ""),),
        ("test_depth_recovery.py::test_perspective_foresees_the_box_of_who_comes_near",),
    ),
    Mutation(
        "perspective: speed",
        (("seconds * velocity[:, :2] / ratio\n", "seconds * velocity[:, :2]\n"),),
        ("test_depth_recovery.py::test_perspective_foresees_the_box_of_who_comes_near",),
    ),
    Mutation(
        "perspective: depth",
        (("            mean[:, DEPTH] += growth\n", ""),),
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
