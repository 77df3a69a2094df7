"""What robots record and look at: ROS bags and MCAP in and out, Foxglove and Rerun out, all without ROS.

bag ─▶ bag_source (frames, camera) ─▶ a run ─▶ moment ─▶ ros_messages ─▶ bag_writer
                                                     └─▶ foxglove_writer, rerun_writer
"""
