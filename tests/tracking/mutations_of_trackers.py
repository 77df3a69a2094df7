"""Mechanisms of the trackers and of their box filters: which lines hold them, which test sees them."""

from __future__ import annotations

from mutations import Mutation

OF_TRACKERS = (
    Mutation(
        "ByteTrack: second association",
        (
            (
                "second = assign(costs, cost_limit=self.parameters.second_match_cost, allowed=allowed)",
                "second = assign(costs, cost_limit=-1.0, allowed=allowed)",
            ),
        ),
        ("test_bytetrack.py::test_second_association_follows_through_low_scores",),
    ),
    Mutation(
        "ByteTrack: second association for tracks in sight only",
        (("        left = left[rows.states[left] == CONFIRMED]\n", ""),),
        ("test_bytetrack.py::test_second_association_is_not_for_lost_tracks",),
    ),
    Mutation(
        "ByteTrack: score fusion",
        (("costs = similarity * candidates.scores", "costs = similarity.copy()"),),
        ("test_bytetrack.py::test_score_fusion_prefers_the_sure_detection",),
    ),
    Mutation(
        "ByteTrack: lost tracks",
        (
            (
                "pool, waiting = where(~tentative), where(tentative)",
                "pool, waiting = where(rows.states == CONFIRMED), where(tentative)",
            ),
        ),
        ("test_bytetrack.py::test_lost_tracks_are_found_again_within_their_time",),
    ),
    Mutation(
        "ByteTrack: held size of lost tracks",
        (("frames)[:, None], rows.states == LOST)", "frames)[:, None], None)"),),
        ("test_bytetrack.py::test_size_of_a_lost_track_is_held",),
    ),
    Mutation(
        "ByteTrack: duplicate removal",
        (("keep[np.where(a_older, lost[b], tracked[a])] = False", "keep[:] = True"),),
        ("test_bytetrack.py::test_duplicate_removal_keeps_the_longer_followed_track",),
    ),
    Mutation(
        "ByteTrack: unconfirmed tracks die at once",
        (
            (
                "gone = lost & rows.overdue | (rows.states == TENTATIVE) & (rows.columns < 0)",
                "gone = lost & rows.overdue",
            ),
        ),
        ("test_bytetrack.py::test_an_unconfirmed_track_must_be_seen_in_the_next_frame",),
    ),
    Mutation(
        "ByteTrack: first frame confirms",
        (
            (
                "at_once = self._frame_count == 1 or self.parameters.confirm_frames == 1",
                "at_once = self.parameters.confirm_frames == 1",
            ),
        ),
        ("test_bytetrack.py::test_in_the_first_frame_tracks_are_confirmed_at_once",),
    ),
    Mutation(
        "ByteTrack: score of new tracks",
        (("births = free[seen.scores[free] >= self.parameters.new_score]", "births = free"),),
        ("test_bytetrack.py::test_a_new_track_needs_a_high_score",),
    ),
    Mutation(
        "SORT: min hits",
        (("here & (sure | (rows.streak * frames >= needed))", "here"),),
        ("test_sort.py::test_min_hits_hold_a_new_track_back",),
    ),
    Mutation(
        "SORT: min hits in time",
        (("rows.streak * frames >= needed", "rows.streak >= needed"),),
        ("test_sort.py::test_min_hits_are_counted_in_time_not_in_frames",),
    ),
    Mutation(
        "SORT: first frames report all",
        (("young = self._frame_count <= self.parameters.confirm_frames", "young = False"),),
        ("test_sort.py::test_in_the_first_frames_everything_is_reported",),
    ),
    Mutation(
        "all trackers: lost tracks expire",
        (
            (
                "return self._now - self._rows.seen > self.parameters.lost_seconds + 5e-4",
                "return self._now - self._rows.seen > 1e9",
            ),
        ),
        ("test_sort.py::test_max_age_lets_a_track_go",),
    ),
    Mutation(
        "SORT: score of new tracks",
        (
            (
                "self._birth(seen, free[seen.scores[free] >= self.parameters.new_score], TENTATIVE)",
                "self._birth(seen, free, TENTATIVE)",
            ),
        ),
        ("test_sort.py::test_a_new_track_needs_its_score",),
    ),
    Mutation(
        "SORT: least similarity",
        (("        least = self.parameters.match_iou\n", "        least = 0.1\n"),),
        ("test_sort.py::test_a_pair_below_the_least_similarity_is_dropped",),
    ),
    Mutation(
        "OC-SORT: momentum (OCM)",
        (
            (
                "return np.asarray(bonus * (self.parameters.inertia / np.pi * seen.scores[columns]))",
                "return np.asarray(bonus * 0.0)",
            ),
        ),
        ("test_ocsort.py::test_momentum_prefers_the_detection_ahead",),
    ),
    Mutation(
        "OC-SORT: direction over a window",
        (("return self._now - self.parameters.delta_seconds", "return self._now - 1 / self.frame_rate"),),
        ("test_ocsort.py::test_momentum_is_measured_over_several_frames",),
    ),
    Mutation(
        "OC-SORT: recovery (OCR)",
        (("left = left[~np.isnan(last[left, 0])]", "left = left[:0]"),),
        ("test_ocsort.py::test_recovery_looks_where_the_track_was_last_seen",),
    ),
    Mutation(
        "OC-SORT: re-update (ORU)",
        (("        self.replay.before_correct(rows, self.to_state(boxes_xyxy))\n", ""),),
        ("test_ocsort.py::test_reupdate_forgets_where_the_filter_went_unseen",),
    ),
    Mutation(
        "OC-SORT: BYTE option",
        (("        if self.parameters.byte:\n", "        if False:\n"),),
        ("test_ocsort.py::test_byte_option_follows_through_low_scores",),
    ),
    Mutation(
        "Hybrid-SORT: score cue (TCM)",
        (
            (
                "super()._bonus_of(rows, columns, seen) - self.parameters.score_weight * difference",
                "super()._bonus_of(rows, columns, seen)",
            ),
        ),
        ("test_hybridsort.py::test_score_cue_prefers_the_usual_score",),
    ),
    Mutation(
        "Hybrid-SORT: low-score cue (TCM)",
        (("return similarity - self.parameters.low_score_weight * difference", "return similarity"),),
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
                "return self._iou(boxes_a, boxes_b)",
            ),
        ),
        ("test_hybridsort.py::test_height_iou_refuses_a_box_of_another_height",),
    ),
    Mutation(
        "Hybrid-SORT: directions of four corners",
        (("    POINTS = np.eye(4)[[[0, 1], [0, 3], [2, 1], [2, 3]]]  # all four corners\n", ""),),
        ("test_hybridsort.py::test_corners_tell_who_comes_nearer",),
    ),
    Mutation(
        "BoT-SORT: appearance",
        (("return np.where(near, np.minimum(costs, np.maximum(distance, 0.0)), costs)", "return costs"),),
        ("test_botsort.py::test_appearance_tells_who_changed_places",),
    ),
    Mutation(
        "BoT-SORT: appearance of sure detections only",
        (("clear = taken.scores > self.parameters.high_score", "clear = taken.scores > 0.0"),),
        ("test_botsort.py::test_appearance_is_not_learned_from_low_scores",),
    ),
    Mutation(
        "BoT-SORT: appearance only nearby",
        (
            (
                "near = (1 - similarity <= self.parameters.proximity_cost) & (",
                "near = (1 - similarity <= 1.0) & (",
            ),
        ),
        ("test_botsort.py::test_appearance_counts_only_nearby",),
    ),
    Mutation(
        "BoT-SORT: appearance only when alike",
        (("distance <= self.parameters.appearance_cost\n", "distance <= 1.0\n"),),
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
        (("* (np.asarray(frames) > 0)", "* np.asarray(frames)"),),
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
        (("proven = here if young else here & (sure | (", "proven = here if young else here & (False | ("),),
        ("test_sort.py::test_a_sure_detection_is_reported_at_once",),
    ),
    Mutation(
        "ByteTrack, BoT-SORT: sure detections",
        (("        rows.states[sure] = CONFIRMED\n", ""),),
        ("test_sort.py::test_a_sure_detection_is_reported_at_once",),
    ),
    Mutation(
        "ByteTrack, BoT-SORT: inclusive pixel",
        (("PIXEL = 1.0", "PIXEL = 0.0"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "ByteTrack: new tracks wait at their first box",
        (("waits = tentative & (rows.hits == 0)", "waits = tentative & False"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "ByteTrack: let go one frame after its time",
        (("rows.overdue |= lost & self._expired()", "rows.overdue |= True"),),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "SORT and kin: clear pairs first",
        (
            (
                "first = self._pair(self._iou(boxes, seen.boxes[high]), rows, seen, high, clear_first=True)",
                "first = self._pair(self._iou(boxes, seen.boxes[high]), rows, seen, high)",
            ),
        ),
        ("test_sort.py::test_a_pair_without_a_choice_is_not_given_up_for_two_poor_ones",),
    ),
    Mutation(
        "OC-SORT: momentum weighted by score",
        (
            (
                "self.parameters.inertia / np.pi * seen.scores[columns]",
                "self.parameters.inertia / np.pi * 0.8",
            ),
        ),
        ("test_parity.py::test_small_scenes_have_the_authors_boxes_and_identities",),
    ),
    Mutation(
        "Hybrid-SORT: directions over the whole window",
        (("return np.asarray(np.where(used[:, :, None, None], ways, 0.0).sum(1))", "return ways[:, 0]"),),
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
        (("        if self.parameters.class_agnostic:\n            return None\n", "        return None\n"),),
        ("test_tracker_contract.py::test_classes_stay_apart_when_asked",),
    ),
    Mutation(
        "all trackers: camera motion",
        (("if affine is not None and len(self._rows):", "if False:"),),
        ("test_camera_motion.py::test_shaken_camera_keeps_identities",),
    ),
    Mutation(
        "report: box between detection and filter",
        (("boxes = self._report.blend(self._rows.boxes[rows], boxes)", "boxes = self._rows.boxes[rows]"),),
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
        (("boxes = unwrap(boxes, self._motion.boxes()[rows], self._period)", "boxes = boxes.copy()"),),
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
