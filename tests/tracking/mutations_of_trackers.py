"""Mechanisms of the trackers and of their box filters: which lines hold them, which test sees them."""

from __future__ import annotations

from mutations import Mutation

OF_TRACKERS = (
    Mutation(
        "ByteTrack: second association",
        (
            (
                "self._match(seen, left, low, overlap_costs(overlap), cost_limit=self.second_match_cost)",
                "self._match(seen, left, low, overlap_costs(overlap), cost_limit=-1.0)",
            ),
        ),
        ("test_bytetrack.py::test_second_association_follows_through_low_scores",),
    ),
    Mutation(
        "ByteTrack: second association for tracks in sight only",
        (("            left = left[states[left] == CONFIRMED]\n", ""),),
        ("test_bytetrack.py::test_second_association_is_not_for_lost_tracks",),
    ),
    Mutation(
        "ByteTrack: score fusion",
        (("overlap_costs(similarity, seen.scores[columns])", "overlap_costs(similarity)"),),
        ("test_bytetrack.py::test_score_fusion_prefers_the_sure_detection",),
    ),
    Mutation(
        "ByteTrack: lost tracks",
        (
            (
                "known, waiting = (states != TENTATIVE).nonzero()[0]",
                "known, waiting = (states == CONFIRMED).nonzero()[0]",
            ),
        ),
        ("test_bytetrack.py::test_lost_tracks_are_found_again_within_their_time",),
    ),
    Mutation(
        "ByteTrack: held size of lost tracks",
        (("REFERENCE_RATE, waiting, rows.states == LOST)", "REFERENCE_RATE, waiting, None)"),),
        ("test_bytetrack.py::test_size_of_a_lost_track_is_held",),
    ),
    Mutation(
        "ByteTrack: duplicate removal",
        (("kept[np.where(older, hidden[b], tracked[a])] = False", "pass"),),
        ("test_bytetrack.py::test_duplicate_removal_keeps_the_longer_followed_track",),
    ),
    Mutation(
        "ByteTrack: unconfirmed tracks die at once",
        (
            (
                "kept = ~(lost & rows.overdue | (rows.states == TENTATIVE) & (rows.columns < 0))",
                "kept = ~(lost & rows.overdue)",
            ),
        ),
        ("test_bytetrack.py::test_an_unconfirmed_track_must_be_seen_in_the_next_frame",),
    ),
    Mutation(
        "ByteTrack: first frame confirms",
        (
            (
                "return self._rows.frame_count == 1 or self.confirm_frames == 1",
                "return self.confirm_frames == 1",
            ),
        ),
        ("test_bytetrack.py::test_in_the_first_frame_tracks_are_confirmed_at_once",),
    ),
    Mutation(
        "ByteTrack: score of new tracks",
        (("births = free[seen.scores[free] >= self.new_score]", "births = free"),),
        ("test_bytetrack.py::test_a_new_track_needs_a_high_score",),
    ),
    Mutation(
        "SORT: min hits",
        (
            ("proven = here if self._reported_at_once() else here & sure", "proven = here"),
            (
                "sure = self._reported_at_once() | (taken.scores > self.sure_score)",
                "sure = np.full(len(taken), True)",
            ),
        ),
        ("test_sort.py::test_min_hits_hold_a_new_track_back",),
    ),
    Mutation(
        "SORT: min hits in time",
        (("rows.streak * step.frames >= needed", "rows.streak >= needed"),),
        ("test_sort.py::test_min_hits_are_counted_in_time_not_in_frames",),
    ),
    Mutation(
        "SORT: first frames report all",
        (("return self._rows.frame_count <= self.confirm_frames", "return False"),),
        ("test_sort.py::test_in_the_first_frames_everything_is_reported",),
    ),
    Mutation(
        "all trackers: lost tracks expire",
        (
            (
                "rows.now - rows.last_seen > self.lost_seconds + ROUNDING_SECONDS",
                "rows.now - rows.last_seen > 1e9",
            ),
        ),
        ("test_sort.py::test_max_age_lets_a_track_go",),
    ),
    Mutation(
        "SORT: score of new tracks",
        (("births = free[seen.scores[free] >= self.new_score]", "births = free"),),
        ("test_sort.py::test_a_new_track_needs_its_score",),
    ),
    Mutation(
        "SORT: least similarity",
        (("        least = self.match_iou\n", "        least = 0.1\n"),),
        ("test_sort.py::test_a_pair_below_the_least_similarity_is_dropped",),
    ),
    Mutation(
        "OC-SORT: momentum (OCM)",
        (
            (
                "return np.asarray(agreement * (self.inertia / np.pi * seen.scores[columns]))",
                "return np.asarray(agreement * 0.0)",
            ),
        ),
        ("test_ocsort.py::test_momentum_prefers_the_detection_ahead",),
    ),
    Mutation(
        "OC-SORT: direction over a window",
        (("self._now - self._window_seconds - CLOCK_ROUNDING", "self._now - 1 / 30 - CLOCK_ROUNDING"),),
        ("test_ocsort.py::test_momentum_is_measured_over_several_frames",),
    ),
    Mutation(
        "OC-SORT: recovery (OCR)",
        (("left = left[~np.isnan(last[left, 0])]", "left = left[:0]"),),
        ("test_ocsort.py::test_recovery_looks_where_the_track_was_last_seen",),
    ),
    Mutation(
        "OC-SORT: re-update (ORU)",
        (("        self.replay.before_correct(rows, self.to_state(taken.boxes))\n", ""),),
        ("test_ocsort.py::test_reupdate_forgets_where_the_filter_went_unseen",),
    ),
    Mutation(
        "OC-SORT: BYTE option",
        (("        if self.byte:\n", "        if False:\n"),),
        ("test_ocsort.py::test_byte_option_follows_through_low_scores",),
    ),
    Mutation(
        "Hybrid-SORT: score cue (TCM)",
        (
            (
                "super()._bonus_of(rows, columns, seen) - self.score_weight * difference",
                "super()._bonus_of(rows, columns, seen)",
            ),
        ),
        ("test_hybridsort.py::test_score_cue_prefers_the_usual_score",),
    ),
    Mutation(
        "Hybrid-SORT: low-score cue (TCM)",
        ((" - self.low_score_weight * difference", ""),),
        ("test_hybridsort.py::test_low_score_cue_continues_a_falling_score",),
    ),
    Mutation(
        "Hybrid-SORT: extrapolated low scores",
        (("return np.where(known & ~np.isnan(before), 2 * last - before, last)", "return last"),),
        ("test_hybridsort.py::test_low_score_is_extrapolated_not_repeated",),
    ),
    Mutation(
        "Hybrid-SORT: height IoU",
        (
            (
                "return height_modulated_iou(boxes_a, boxes_b, period=self._period)",
                "return super()._similarity(boxes_a, boxes_b)",
            ),
        ),
        ("test_hybridsort.py::test_height_iou_refuses_a_box_of_another_height",),
    ),
    Mutation(
        "Hybrid-SORT: directions of four corners",
        (
            (
                "from deptr.tracking.course import CORNERS\n",
                "from deptr.tracking.course import CENTRE as CORNERS\n",
            ),
        ),
        ("test_hybridsort.py::test_corners_tell_who_comes_nearer",),
    ),
    Mutation(
        "BoT-SORT: appearance",
        (("return np.where(near, np.minimum(costs, np.maximum(distance, 0.0)), costs)", "return costs"),),
        ("test_botsort.py::test_appearance_tells_who_changed_places",),
    ),
    Mutation(
        "BoT-SORT: appearance of sure detections only",
        (("clear = taken.scores > self._clear_score", "clear = taken.scores > 0.0"),),
        ("test_botsort.py::test_appearance_is_not_learned_from_low_scores",),
    ),
    Mutation(
        "BoT-SORT: appearance only nearby",
        (("near = (1 - similarity <= self.proximity_cost) & (", "near = (1 - similarity <= 1.0) & ("),),
        ("test_botsort.py::test_appearance_counts_only_nearby",),
    ),
    Mutation(
        "BoT-SORT: appearance only when alike",
        (("(distance <= self.appearance_cost)\n", "(distance <= 1.0)\n"),),
        ("test_botsort.py::test_appearance_counts_only_when_alike",),
    ),
    Mutation(
        "BoT-SORT: memory of appearance",
        (
            (
                "mixed = np.where(np.isnan(before), now, MEMORY * before + (1 - MEMORY) * now)",
                "mixed = now.copy()",
            ),
        ),
        ("test_botsort.py::test_appearance_remembers_more_than_the_last_look",),
    ),
    Mutation(
        "motion: noise that grows with time (ByteTrack, BoT-SORT)",
        (
            (
                "self.filters.predict(frames, position, velocity * frames)",
                "self.filters.predict(frames, position, velocity)",
            ),
        ),
        ("test_motion.py::test_noise_grows_with_time_and_lets_people_turn",),
    ),
    Mutation(
        "motion: noise that grows with time (SORT and kin)",
        (
            (
                "np.full(4, self.POSITION_NOISE) * frames, self.VELOCITY_NOISE * frames",
                "np.full(4, self.POSITION_NOISE), self.VELOCITY_NOISE",
            ),
        ),
        ("test_motion.py::test_noise_grows_with_time_and_lets_people_turn",),
    ),
    Mutation(
        "motion: jitter once a frame",
        (
            (
                "        if waiting or step.frames <= 0:\n            position *= np.asarray(frames) > 0\n",
                "        position *= np.asarray(frames)\n",
            ),
        ),
        ("test_motion.py::test_jitter_of_boxes_comes_once_a_frame_at_any_rate",),
    ),
    Mutation(
        "motion: areas stay positive",
        (
            (
                "shrinking = (self.filters.mean + frames * self.filters.velocity)[:, 2] <= 0",
                "shrinking = self.filters.mean[:, 2] < -1e9",
            ),
        ),
        ("test_motion.py::test_an_area_that_would_fall_below_zero_stops_shrinking",),
    ),
    Mutation(
        "SORT and kin: sure detections",
        (
            ("sure = (rows.scores > self.sure_score) | (", "sure = False | ("),
            (
                "sure = self._reported_at_once() | (taken.scores > self.sure_score)",
                "sure = self._reported_at_once() | (taken.scores > 2.0)",
            ),
        ),
        ("test_sort.py::test_a_sure_detection_is_reported_at_once",),
    ),
    Mutation(
        "ByteTrack, BoT-SORT: sure detections",
        (
            ("self.confirm_frames) | (rows.scores > self.sure_score)", "self.confirm_frames)"),
            (
                "sure = self._reported_at_once() | (taken.scores > self.sure_score)",
                "sure = self._reported_at_once() | (taken.scores > 2.0)",
            ),
        ),
        ("test_sort.py::test_a_sure_detection_is_reported_at_once",),
    ),
    Mutation(
        "ByteTrack, BoT-SORT: inclusive pixel",
        (("PIXEL = 1.0", "PIXEL = 0.0"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "ByteTrack: new tracks wait at their first box",
        (
            (
                "(rows.states == TENTATIVE) & (rows.matches == 0) if self",
                "(rows.states == TENTATIVE) & False if self",
            ),
        ),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "ByteTrack: let go one frame after its time",
        (("rows.overdue |= lost & expired", "rows.overdue |= True"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "SORT and kin: clear pairs first",
        (
            (
                "_, free = self._pair(seen, np.arange(len(boxes)), high, similarity, clear_first=True)",
                "_, free = self._pair(seen, np.arange(len(boxes)), high, similarity)",
            ),
        ),
        ("test_sort.py::test_a_pair_without_a_choice_is_not_given_up_for_two_poor_ones",),
    ),
    Mutation(
        "OC-SORT: momentum weighted by score",
        (("self.inertia / np.pi * seen.scores[columns]", "self.inertia / np.pi * 0.8"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "Hybrid-SORT: directions over the whole window",
        (("turned = np.where(used[:, :, None, None], ways, 0.0).sum(1)", "turned = ways[:, 0]"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "Hybrid-SORT: re-update of scores",
        (("        self._replay.before_correct(rows, column)\n", ""),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "BoT-SORT: width and height as state",
        (("return HeightScaledMotion(aspect=False)", "return HeightScaledMotion(aspect=True)"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "all trackers: classes stay apart when asked",
        (
            (
                "            allowed = self._rows.classes[rows][:, None]",
                "            self._rows.classes[rows][:, None]",
            ),
        ),
        ("test_tracker_contract.py::test_classes_stay_apart_when_asked",),
    ),
    Mutation(
        "all trackers: camera motion",
        (("affine = self._camera.update(frame, boxes)", "self._camera.update(frame, boxes)"),),
        ("test_camera_motion.py::test_shaken_camera_keeps_identities",),
    ),
    Mutation(
        "report: box between detection and filter",
        (("boxes = self._report.blend(observed, boxes)", "boxes = observed"),),
        ("test_box_report.py::test_a_tracker_reports_steadier_boxes_than_the_detector",),
    ),
    Mutation(
        "report: share of the filter is learned",
        (("        self.share = np.clip(self._agreement / self._power, 0.0, 1.0)\n", ""),),
        ("test_box_report.py::test_real_change_is_not_smoothed_away",),
    ),
    Mutation(
        "panorama: overlap around the circle",
        (
            (
                "shift = np.rint((a[0] + a[2] - b[0] - b[2]) / (2 * period)) * period",
                "shift = np.zeros_like(a[0] + b[0])",
            ),
        ),
        ("test_panorama.py::test_identity_survives_the_seam",),
    ),
    Mutation(
        "panorama: measurements beside their track",
        (
            (
                "boxes=unwrap(taken.boxes, self._motion.boxes()[matched], self._period)",
                "boxes=taken.boxes.copy()",
            ),
        ),
        ("test_panorama.py::test_reported_boxes_have_their_centre_in_the_image_and_speed_does_not_jump",),
    ),
    Mutation(
        "panorama: boxes cut by the seam are one",
        (("detections = merge_at_seam(detections, self._period)", "pass"),),
        ("test_panorama.py::test_identity_survives_the_seam",),
    ),
    Mutation(
        "panorama: a camera that turns",
        (("            if shift:\n", "            if False:\n"),),
        ("test_panorama.py::test_identity_survives_a_camera_that_starts_to_turn",),
    ),
)
