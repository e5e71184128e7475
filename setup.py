"""Packaging of storeloom: the folders of this tree become the sub-packages of the import name `storeloom`."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PARTS = ("core", "plugins", "schemas", "studio", "workers", "hardware_adapters")
VERSION = "0.1.0"


class BuildWithCatalogue(build_py):
    """Ship plugins.toml and the examples beside the sub-packages, where the kernel looks for them in a source tree too."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "storeloom"
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / "plugins.toml", target / "plugins.toml")
            shutil.copytree(ROOT / "examples", target / "examples", dirs_exist_ok=True)


def packages():
    found = []
    for part in PARTS:
        found.append(f"storeloom.{part}")
        found += [f"storeloom.{part}.{name}" for name in find_packages(part)]
    return found


EXTRAS = {
    "data": ["polars>=1.20,<2"],
    "databases": ["psycopg[binary]>=3.2,<4", "pymysql>=1.1,<3", "sqlalchemy>=2.0.30,<3"],
    "devices": [
        "bacpypes3>=0.0.102,<0.1",
        "cryptography>=43,<50",
        "defusedxml>=0.7.1,<0.9",
        "httpx>=0.27,<1",
        "icalendar>=6,<8",
        "llrpkit>=0.3,<0.4",
        "onvif-zeep-async>=4.2,<5",
        "paho-mqtt>=2.1,<3",
        "pillow>=10.3,<14",
        "pydifact>=0.2.3,<0.3",
        "pymodbus>=3.16,<4",
        "pyserial>=3.5,<4",
        "pyusb>=1.2,<2",
        "python-dateutil>=2.8.2,<3",
        "python-jsonpath>=2.0,<3",
        "pysnmp>=7.1,<8",
        "python-escpos>=3.1,<4",
        "sqlalchemy>=2.0.30,<3",
        "waitress>=3,<4",
        "websockets>=14,<18",
        "WSDiscovery>=2.1,<3",
        "zeroconf>=0.132,<1",
        "zxing-cpp>=3.0,<4",
    ],
    "input": ["evdev-binary>=1.7.1,<3; sys_platform == 'linux'"],
    "twins": ["amqtt>=0.12.1,<0.13"],
    "vision": ["onnxruntime>=1.20,<2", "opencv-python-headless>=4.10,<6", "numpy>=1.26,<3", "scipy>=1.11,<2", "zxing-cpp>=3.0,<4"],
    "forecast": [
        "hierarchicalforecast>=1.5,<2",
        "holidays>=0.109,<0.130",
        "lightgbm>=4.5,<5",
        "mlforecast>=1.0.2,<2",
        "numpy>=1.26,<3",
        "pandas>=2.2,<3",
        "polars>=1.20,<2",
        "python-dateutil>=2.8.2,<3",
        "scipy>=1.11,<2",
        "statsforecast>=2.0.1,<3",
    ],
    "insight": [
        "implicit>=0.7.2,<0.8",
        "numpy>=1.26,<3",
        "polars>=1.20,<2",
        "scikit-learn>=1.4,<2",
        "scipy>=1.11,<2",
        "statsmodels>=0.14.2,<1",
        "threadpoolctl>=3.5,<4",
    ],
    "optimise": ["numpy>=1.26,<3", "ortools>=9.10,<10", "polars>=1.20,<2", "pyvrp>=0.14.1,<0.15", "scipy>=1.11,<2"],
    "report": ["matplotlib>=3.9,<4"],
    "studio": [
        "altair>=5.4,<7",
        "openpyxl>=3.1.2,<4",
        "pillow>=10.3,<14",
        "pypinyin>=0.53,<1",
        "starlette>=0.46,<2",
        "streamlit>=1.67,<2",
    ],
    "server": [
        "alembic>=1.14,<2",
        "argon2-cffi>=23.1,<26",
        "flask>=3.1,<4",
        "numpy>=1.26,<3",
        "packaging>=24,<27",
        "polars>=1.20,<2",
        "pynacl>=1.5,<2",
        "pysqlite3>=0.6.1,<0.7; sys_platform == 'linux' and platform_machine == 'x86_64'",
        "resolvelib>=1.1,<2",
        "scipy>=1.11,<2",
        "securesystemslib[crypto]>=1.2,<2",
        "sqlalchemy>=2.0.30,<3",
        "sqlmodel>=0.0.22,<0.1",
        "tuf>=7.0.1,<8",
        "waitress>=3,<4",
    ],
    "wallet": ["cryptography>=43,<50"],
    "postgres": ["psycopg[binary]>=3.2,<4"],
    "agent": ["packaging>=24,<27", "pip>=23.1", "pynacl>=1.5,<2", "tuf>=7.0.1,<8"],
    "ray": ["ray[data]>=2.40,<3"],
    "docs": ["furo>=2025.7", "jieba>=0.42,<1", "myst-parser>=4,<6", "sphinx>=8.1,<10", "sphinx-copybutton>=0.5,<1"],
}
EXTRAS["demo"] = sorted({p for e in ("data", "vision", "forecast", "optimise", "report", "studio") for p in EXTRAS[e]})
EXTRAS["dev"] = sorted(
    set(EXTRAS["demo"])
    | set(EXTRAS["server"])
    | set(EXTRAS["postgres"])
    | set(EXTRAS["wallet"])
    | set(EXTRAS["agent"])
    | set(EXTRAS["ray"])
    | set(EXTRAS["docs"])
    | set(EXTRAS["insight"])
    | set(EXTRAS["databases"])
    | set(EXTRAS["devices"])
    | set(EXTRAS["input"])
    | set(EXTRAS["twins"])
    | {
        "aiosmtpd>=1.4.6,<2",
        "axe-playwright-python>=0.1.4,<0.2",
        "hypothesis>=6.100,<7",
        "jsonschema>=4.23,<5",
        "mypy>=1.11,<3",
        "onnx>=1.17,<2",
        "pandas>=2.2,<3",
        "playwright>=1.45,<2",
        "pyModbusTCP>=0.3,<0.4",
        "pytest>=8,<10",
        "pytest-xdist>=3.6,<4",
        "ruff>=0.6,<1",
        "schemathesis>=4,<5",
        "standardwebhooks>=1,<2",
        "types-PyYAML>=6",
        "types-psutil>=5",
        "types-jsonschema>=4",
        "vda5050-sdk[mqtt]>=0.2,<0.3",
    }
)

setup(
    name="storeloom",
    version=VERSION,
    description="Plugin-based low-code platform that configures retail stores",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=packages(),
    package_dir={f"storeloom.{part}": part for part in PARTS},
    package_data={
        "storeloom.schemas": ["**/*.json"],
        "storeloom.core": ["py.typed", "scaffold/templates/*", "control/migrations/*", "control/migrations/versions/*.py"],
        "storeloom.hardware_adapters": ["py.typed", "**/*.html", "**/*.js", "**/*.json"],
        "storeloom.studio": [".streamlit/config.toml", "**/*.js", "**/*.css"],
        "storeloom.workers": ["py.typed", "**/*.onnx", "**/*.json", "**/*.npz"],
    },
    install_requires=[
        "apsw>=3.51.3,<4",
        "biip>=5.2,<6",
        "cronsim>=2.6,<3",
        "jsonschema-rs>=0.30,<1",
        "orjson>=3.10,<4",
        "pluggy>=1.5,<2",
        "psutil>=5.9,<8",
        "prometheus-client>=0.20,<1",
        "pydantic>=2.9,<3",
        "pyyaml>=6,<7",
        "rich>=13.7,<16",
        "tzdata>=2024.1",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["storeloom = storeloom.core.cli:main"]},
    cmdclass={"build_py": BuildWithCatalogue},
)
