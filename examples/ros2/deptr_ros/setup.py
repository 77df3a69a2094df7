"""What colcon builds."""

from setuptools import setup

NAME = "deptr_ros"

setup(
    name=NAME,
    version="0.2.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", ["launch/track.launch.py"]),
    ],
    install_requires=["setuptools", "deptr-mot"],
    zip_safe=True,
    license="Apache-2.0",
    entry_points={"console_scripts": [f"track = {NAME}.node:main"]},
)
