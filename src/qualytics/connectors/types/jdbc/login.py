"""The login through a JDBC driver: a URL of ours, the rest as properties, in a fresh Java machine."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.types.jdbc import url as urls
from qualytics.connectors.types.jdbc.errors import reported

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

_MAX_ROOTS_BYTES = 1 << 20
# What keeps the machine far below the limits of the child, and starts it fast.
_MACHINE = (
    *("-Xmx128m", "-Xms16m", "-Xss1m", "-XX:ReservedCodeCacheSize=48m", "-XX:CompressedClassSpaceSize=64m"),
    *("-XX:MaxMetaspaceSize=128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xrs"),
    *("-XX:-UsePerfData", "-XX:+DisableAttachMechanism", "-XX:-CreateCoredumpOnCrash"),
    *("-Djava.net.useSystemProxies=false", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"),
    # No object is made of a server's bytes, and no class comes from a directory of objects.
    *("-Djdk.serialFilter=!*", "-Dcom.sun.jndi.ldap.object.trustURLCodebase=false"),
    "-Dcom.sun.jndi.rmi.object.trustURLCodebase=false",
)


def machine(target: Target) -> list[str]:
    """Return the arguments of the Java machine, which knows no other host than the one that was dialled."""
    own = os.uname().nodename
    with open(f"{target.directory}/hosts", "w", encoding="utf-8") as out:
        out.write(f"{target.dialled} {target.host} {target.host}.\n")
        if own != target.host:
            out.write(f"127.0.0.1 {own}\n")  # some drivers tell a server who calls
    places = {"user.home": "", "user.dir": "", "java.io.tmpdir": "", "jdk.net.hosts.file": "/hosts"}
    error = f"-XX:ErrorFile={target.directory}/java-error"
    return [*_MACHINE, error, *(f"-D{name}={target.directory}{place}" for name, place in places.items())]


def start(target: Target) -> None:
    """Start the machine with the driver's jars, and with other roots to trust if they were given."""
    import jpype

    jars = target.parameters["jars"]
    jpype.startJVM(*machine(target), classpath=jars, convertStrings=False, interrupt=False)
    if roots := target.parameters.get("ssl_root_cert_file") or os.environ.get("SSL_CERT_FILE"):
        _trust(roots, f"{target.directory}/roots.p12")


def _trust(roots: str, store: str) -> None:
    # What drivers trust by default: Java reads it in a form of its own.
    import jpype

    try:
        with open(roots, "rb") as file:
            pem = jpype.JClass("java.io.ByteArrayInputStream")(file.read(_MAX_ROOTS_BYTES))
    except OSError as exc:
        cause = f"the root certificates in {roots} cannot be read: {exc.strerror}"
        raise refuse(
            "config", cause, "check ssl_root_cert_file in --parameters, or SSL_CERT_FILE", stage="login"
        ) from exc
    keys = jpype.JClass("java.security.KeyStore").getInstance("PKCS12")
    keys.load(None, None)
    certificates = jpype.JClass("java.security.cert.CertificateFactory").getInstance("X.509").generateCertificates(pem)
    for number, certificate in enumerate(certificates):
        keys.setCertificateEntry(f"root{number}", certificate)
    with contextlib.closing(jpype.JClass("java.io.FileOutputStream")(store)) as out:
        keys.store(out, jpype.JString("roots").toCharArray())
    settings = jpype.JClass("java.lang.System")
    for name, value in (("", store), ("Type", "PKCS12"), ("Password", "roots")):
        settings.setProperty(f"javax.net.ssl.trustStore{name}", value)


def load(name: str) -> Any:
    """Return a driver by the name of its class, of which nothing runs before it is known for a driver."""
    import jpype

    loader = jpype.JClass("java.lang.ClassLoader").getSystemClassLoader()
    driver = jpype.JClass("java.lang.Class").forName(name, False, loader)  # noqa: FBT003 - Java has no keywords
    if not jpype.JClass("java.sql.Driver").class_.isAssignableFrom(driver):
        raise refuse("config", f"{name} is no JDBC driver", "check driver_class in --parameters", stage="login")
    return jpype.JClass(driver)()


def arguments(target: Target) -> tuple[str, dict[str, str]]:
    """Return the URL and the properties that a driver gets."""
    url = urls.parse(target.uri)
    dialect = url.dialect
    try:
        text = url.text(target.database if dialect.is_catalog else None)
    except ValueError:
        cause = f"no database can be called {target.database!r}"
        raise refuse("unknown_db", cause, "check --database", stage="database") from None
    seconds = max(1, int(target.timeout_s))
    options = url.fixed | dict.fromkeys(dialect.seconds, str(seconds))
    options |= dict.fromkeys(dialect.millis, str(seconds * 1_000))
    if target.username is not None:
        options["user"] = target.username
    if target.password is not None:
        options["password"] = target.password.reveal()
    return text, options


@reported()
def connect(target: Target) -> Any:
    """Start the machine, load the driver, and log in."""
    text, properties = arguments(target)
    jars = target.parameters["jars"]
    for jar in jars:
        if not os.path.isfile(jar):
            hint = "check jars in --parameters; the files must be on this machine"
            raise refuse("driver_missing", f"there is no file {jar!r}", hint, stage="login")
    _check_server(target, urls.parse(target.uri))
    import jpype

    start(target)
    driver = load(target.parameters["driver_class"])
    info = jpype.JClass("java.util.Properties")()
    for key, value in properties.items():
        info.setProperty(key, value)
    jpype.JClass("java.sql.DriverManager").setLoginTimeout(max(1, int(target.timeout_s)))
    handle = driver.connect(text, info)
    if handle is None:
        cause = f"{target.parameters['driver_class']} does not take URLs of this kind"
        raise refuse("config", cause, "check driver_class and the name after jdbc: in --uri", stage="login")
    return handle


@reported()
def lift_limits(handle: Any, target: Target) -> None:
    """Take the time limit from the socket, of the drivers that were given one."""
    import jpype

    dialect = urls.parse(target.uri).dialect
    if "socketTimeout" in {*dialect.seconds, *dialect.millis}:
        handle.setNetworkTimeout(jpype.JClass("java.util.concurrent.ForkJoinPool").commonPool(), 0)


def _check_server(target: Target, url: urls.Url) -> None:
    dialect = url.dialect
    if dialect.like and not url.demands_tls:
        target.protocols = get(dialect.like).protocols
    if dialect.may_begin is not None:
        leave_to_driver(target, dialect.protocol, dialect.may_begin)
    elif target.sock is not None:
        target.sock.close()
