"""Starts the tracker behind one camera: ``ros2 launch deptr_ros track.launch.py camera:=/front``."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node


def generate_launch_description() -> LaunchDescription:
    """One node; its topics are those of the camera."""
    camera = LaunchConfiguration("camera")
    topics = [
        ("image", [camera, "/image_raw"]),
        ("camera_info", [camera, "/camera_info"]),
        ("depth", [camera, "/depth/image_raw"]),
    ]
    node = Node(package="deptr_ros", executable="track", name="deptr", remappings=topics)
    return LaunchDescription([DeclareLaunchArgument("camera", default_value="/camera"), node])
