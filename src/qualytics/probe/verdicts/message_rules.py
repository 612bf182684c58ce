"""Verdicts on words alone: what another tool wrote of a failure, judged without the exception it came from."""

from __future__ import annotations

import errno
import re

from qualytics.connectors import all_connectors
from qualytics.connectors.codes import STATE, by_sqlstate
from qualytics.connectors.contract import Connector, Verdict, by_text
from qualytics.probe.verdicts.network_faults import NOT_TLS, by_words, furthest, is_unknown, refined
from qualytics.probe.verdicts.translations import TRANSLATIONS
from qualytics.structs import replace
from qualytics.text import ends

_PROXY_LOGIN = Verdict("config", "a proxy stands before the server and wants a login")
# What tools of every kind say of themselves, and servers once they were reached.
_ANSWERS = (
    (r"(no such file|not found|could not (open|read)|unable to (open|read|load))\b.{0,60}\.(json|p8|key|keytab)\b|\.(json|p8|key|keytab)\W{0,3} ?(was not found|does not exist|not found|no such file)", Verdict("config", "the file with the key of the login cannot be read", "check its path")),
    (r"proxy authentication required|\b407 from proxy|HTTP code 407", _PROXY_LOGIN),
    (r"no suitable driver|ClassNotFoundException|NoClassDefFoundError|class \S{1,120} not found|can't open lib|(failed to|cannot) load (the )?(jdbc )?driver|UnsupportedClassVersion|data source name not found|No module named|Can't load plugin|(Import|ModuleNotFound)Error|DLL load failed|cannot open shared object|(unknown|no known|no) driver|could not locate the bindings|(could not|couldn't|unable to) (find|load) .{0,60}(driver|data provider)|driver \S{0,60} ?(was )?(not (found|installed)|could not be (found|loaded))|requires? (the )?.{0,40}(odbc driver|client software|client librar)|suitable driver class|cannot find module|Error loading \w+( or \w+)? module|there is no package called|library not loaded|image not found|DllNotFound|BadImageFormat|unable to load (DLL|shared)|NODE MODULE VERSION|architecture mismatch between|(driver|provider) (is )?not registered|gem is not loaded|undefined function \w+ connect|requires cgo|package is required|ClassLoadingException|no FileSystem for scheme|SQLGetPrivateProfileString|no worthy mechs|Connector/C [<>=]|(please|pip|npm) install|\binstall \w+ to access|UnsatisfiedLinkError|not part of the bundle|cannot import name|executable not found|client [\d.]+ or newer is required|DRIVER_NOT_FOUND", Verdict("driver_missing")),
    (r"(unsupported|unknown|unrecogni[sz]ed) authentication (type|method|mechanism|protocol|plugin|response)|authentication (type|method|plugin|protocol)\b.{0,60}\bnot (supported|recogni[sz]ed)|requires libpq version|(native password|clear ?text|old password)s? authentication|plugin .{0,80}could not be loaded|unable to load authentication plugin|could not load plugin", Verdict("config")),
    (r"does(n't| not) support (ssl|tls)|(ssl|tls) (is )?not (enabled|available)|no ssl enabled|(ssl|tls)( connection)? (is )?(required|requested)|(requires?|only allow\w*) .{0,30}(secure|encrypted|ssl|tls)\b|insecure (transport|authentication|connections)|must use (ssl|tls)|(ssl|tls) negotiation failed|\bP1011\b|private key file|x509: |encryption errors|require encryption|does not support http\b", Verdict("tls")),
    (r"(access denied for user|authentication failed|fail(ed|ure)? to authenticate|login failed|log ?on failed|log ?on denied|(invalid|incorrect|wrong|bad) (username|user name|user|credentials?|password|token|api key|access token|login)|password (has )?expired|unauthenticated|unauthorized|not authenticated|(wrong|unknown|required) (password|user)\b|user ?name and password are not defined|LDAP.{0,20}error code 49|with your username/password|\bP1000\b|token (is |has )?(been )?(invalid|expired|revoked)|permission denied \(\w+(,[\w-]+)*\)|forced to change password|\bauth failed|password missing|no password has been|failed to retrieve a token|security token .{0,30}(invalid|expired)|authentication unavailable|logon mechanism|password or account is invalid|signature not valid|incorrect padding|permissions failed|password must be a string|(invalid|incorrect|wrong|bad|expired) (\w+ ){1,3}(username|password|token|credentials?)\b|account .{0,60}\blocked\b|locked out|no SAS token|signature (found .{0,60}is not the same|did not match)|(unable|not able|could not|failed) to (re-?)?authenticate|re-?authentication failed|authentication scopes|password (must be specified|is empty|is required))", Verdict("auth")),
    (r"(could not|cannot|unable to|failed to) (automatically )?(load|find|locate|determine|configure|obtain|get) .{0,30}(credential|access token)|no (valid )?(kerberos |aws )?credentials|GSS initiate|GSSException|Kerberos (error|ticket|tgt)|default auth:|\b(az|gcloud auth|aws sso) login\b|anonymous caller", Verdict("auth")),
    (r"permission denied|access (is |was )?denied|not authorized|insufficient[_ ](privilege|permission)|lacks? .{0,60}(privilege|permission)|forbidden|must be owner|do(es)? not have .{0,60}(permission|privilege|access|USE |right)|missing \w+ privilege|not enough privileges|command denied|ip address not allowed|was denied access|\bP1010\b|(is |are )?not (allowed|permitted) to|disabled (through|by) configuration|SecurityException|AccessControlException|prohibited by|explicit deny|could not be used for export", Verdict("permission")),
    (r"\b(table|relation|column|view)\b[ :]{1,2}['\"`][^'\"`]{1,200}['\"`] (does not exist|doesn't exist|not found|was not found)", Verdict("config")),
    (r"(database|schema|catalog|bucket|container|filesystem|dataset|warehouse|keyspace)\b.{0,255}(does not exist|not found|doesn't exist|is not valid with respect)|unknown (database|schema|catalog)|no such (database|schema|catalog|bucket|container)|no catalog \+ schema|(could not|couldn't) find (your |the )?(database|schema|catalog|bucket)|\bP1003\b", Verdict("unknown_db")),
    (r"too many simultaneous|too many (connections|clients|requests|sessions|open|queued|concurrent)|quota|rate limit|throttl|limit (was |has been |is )?(exceeded|reached)|(exceeds?|exceeded) .{0,60}(limit|memory|resource|max_)|connection limit|resources? exhausted|out ?of ?memory|could not allocate|(disk|device) (is )?full|no space left|(pool|pools|queue) .{0,20}(exhausted|full)|max clients reached|already has more than|too many attached|background worker limit|resource constraints|acquire resources|insufficient (disk space|(\w+ )?memory)|(not|without) enough (memory|space|storage)|out of shared memory|heap space|resources? exceeded|log for .{0,160} is full|max(imum number of|imum|)? concurrent|(no|without) (available|more|free) (connections|sessions)|(sessions|circuits|slots|connections) .{0,30}(currently )?in use|aborted? .{0,20}monitoring rule|wlm abort", Verdict("quota")),
    (r"service unavailable|temporarily unavailable|shutting down|starting up|try again|in recovery|bad gateway|deadlock|terminating connection due to|(is |be |been )already (in use|booted|opened by)|may be already in use|backend error|code = unavailable|safe mode|not (yet )?(ready|available)|server is (busy|unavailable)|could not (serialize|obtain lock)|(server|system) shutdown|hot standby|crash of another server|is paused|conflict on update|write-write conflict|used by another process|read-only (transaction|option|mode|replica)|(is|was|been|currently) (paused|suspended|stopped|offline|resuming|being restored)|middle of a restore|is already open and can only|not accessible for queries|intent is set to read|due to conflict|unable to instantiate .{0,120}(metastore|client)|transient issue|single user mode", Verdict("transient")),
    (r"unsupported (protocol|startup)|protocol (error|version)|bad request|(invalid|malformed|unrecogni[sz]ed|unknown|unsupported|illegal) .{0,30}(argument|parameter|option|ur[li]|path\b|endpoint|dsn|port|property|properties|setting|setting name|value|field|connection string|descriptor|configuration|host ?name|type)|(is|are|was|were) not (valid|recogni[sz]ed)\b|url format|syntax error|unable to parse|couldn't set|could not set|(missing|must specify|requires?) .{0,40}(parameter|argument|option|property|host|field)|cannot use .{0,80} with|connection string|initialization string|keyword not supported|not accept jdbcUrl|could not parse|bad/illegal format|config profile|invalid authority|property \S{1,80} (is required|does not exist)|\bis required\Z|proxy URL|no metastore|SQLite [\d.]+ or later|unsupported version|no such (module|function|column)|licens(e|ing) problem|is not supported|EndpointUnsupported|already exists|is incompatible|no scheme supplied|acceptable values are|is required with|attribute is not specified|must be preloaded|not up-to-date|missing dependencies|packets? (in the wrong sequence|out of order)|default addr for network|Option \S{1,60} not supported|record version Unknown|does not support plugin|ValueError|ParamValidationError|\b(relation|table|column|view|function)\b \S{1,160} (does not exist|doesn't exist|(was |is )?not found|cannot be found)|must (start|begin) with|requires a value|missing (required )?(settings|fields)|conflicting|validating datasource|kind: Config\b|does not support (\w+ing|this)|private key is not encrypted|does not match locale", Verdict("config")),
)  # fmt: skip
# What ends a program before any driver is there to say a word.
_ABSENT = re.compile(
    r"No module named|Can't load plugin|Can't open lib|No suitable driver|no worthy mechs", re.IGNORECASE
)
_STATUS = {
    400: Verdict("config"),
    401: Verdict("auth"),
    403: Verdict("permission"),
    404: Verdict("unknown_db"),
    407: _PROXY_LOGIN,
    408: Verdict("timeout"),
    429: Verdict("quota"),
    500: Verdict("transient"),
    502: Verdict("transient"),
    503: Verdict("transient"),
    504: Verdict("timeout"),
}
_HTTP = re.compile(
    r"\b(?:HTTP(?:/\d(?:\.\d)?)?(?: status)?(?: code)?|status(?: ?code)?|HTTPError|returned an error:)\W{1,3}(\d{3})\b"
    r"|\b(\d{3}) (?:(?:Client|Server) Error|Bad Request|Unauthorized|Forbidden|Not Found|Too Many Requests"
    r"|Internal Server Error|An internal error|Bad Gateway|Service Unavailable|Gateway Time-?out)\b",
    re.IGNORECASE,
)
# How clients begin what they say of each attempt, where they tried several addresses, hosts, or TLS and none: libpq,
# psycopg, pgx ("10.0.0.5:5432 (db): …"), Node.js, Go, lib/pq, Java, those of MySQL, and PostgreSQL's own answers.
_ATTEMPT = re.compile(
    r"(?=\bconnection to server (?:at|on)\b|\bcould not (?:connect to server|translate host name)\b|\bFATAL:"
    r"|\bconnection failed: |\bhost: '|(?<!\S)(?:\[[\da-f:]+\]|\d+(?:\.\d+){3}):\d+ \(|\bhostname resolving error\b"
    r"|\bconnect E[A-Z]{4}|\bgetaddrinfo E|\bdial (?:tcp|unix)\b|\bpq: |\bSuppressed: "
    r"|(?<![\[(])\b(?:ERROR|Error)(?: Code:)? \d{4}\b|\(\d{4}, "
    r"|\bno pg_hba\.conf entry\b|\bpg_hba\.conf rejects\b|\bpassword authentication failed\b"
    r'|\bdatabase "[^"]{1,255}" does not exist)'
)
# Of more different attempts than these the first and the last are judged.
_FIRST = _LAST = 8
# What has fewer words may be a code alone; and how much of a message all types read.
_WORDS, _SHORT = 3, 1_024
# The SQLSTATE of a wrapper, which stands before what it wraps and says less.
_WRAPPER_STATE = re.compile(r"(?:SQL ?STATE)?\[[0-9A-Z]{5}\]")


_STATE = re.compile(STATE, re.IGNORECASE)
# What systems, Node.js and OpenSSL call failures, where nothing else has a code.
_NAME = re.compile(
    rf"\b(?:{'|'.join(sorted(errno.errorcode.values()))}|ENOTFOUND|ESOCKETTIMEDOUT|EAI_[A-Z]{{4,12}}|ERR_[A-Z_]{{4,40}}"
    r"|[A-Z]{3,10}(?:_[A-Z]{1,12}){1,5}_(?:CERT|CHAIN|SIGNATURE|EXPIRED))\b"
)


def connector_of(text: str) -> Connector | None:
    """Return the type whose codes a message has, where no other type's look like them."""
    return next((one for one in all_connectors() if one.signature and re.search(one.signature, text)), None)


def verdict_on(connector: Connector | None, text: str) -> Verdict:
    """Return the verdict on a message; where it tells of several attempts, on the one that got furthest."""
    head, *attempts = _ATTEMPT.split(_WRAPPER_STATE.sub("", text))
    different = list(dict.fromkeys(attempts))
    attempts = different[:_FIRST] + different[_FIRST:][-_LAST:]
    verdicts = [_verdict(connector, attempt) for attempt in attempts]
    # A wrapper that says no more than that something broke, as in "communications link failure", counts for nothing, nor
    # does the SQLSTATE of all that is wrong with a login.
    wrapper = _verdict(connector, head) if attempts else Verdict("network")
    if wrapper.failure_class not in {"network", "transient"} and wrapper.code != "28000":
        verdicts.append(wrapper)
    certain = [verdict for verdict in verdicts if verdict.failure_class != "unknown"]
    if not certain:
        return _verdict(connector, text)
    verdict = furthest(certain)
    return verdict if verdict.code else replace(verdict, code=_verdict(connector, text).code)


def agreed(text: str) -> Verdict | None:
    """Return the class in which all types that know the words or codes of a message agree; a number alone is of many."""
    if len(text.split()) < _WORDS:
        return None
    short = ends(text, _SHORT)  # so many tables take their time
    judged = (_own_verdict(connector, short) for connector in all_connectors())
    verdicts = [verdict for verdict in judged if verdict and not is_unknown(verdict)]
    classes, codes = ({getattr(one, name) for one in verdicts} for name in ("failure_class", "code"))
    return Verdict(classes.pop(), code=codes.pop() if len(codes) == 1 else None) if len(classes) == 1 else None


def _own_verdict(connector: Connector, text: str) -> Verdict | None:
    return connector.explain(text) if connector.explain is not None else connector.classify(Exception(text))


def _verdict(connector: Connector | None, text: str) -> Verdict:
    # By the type's own tables, SQLSTATE, the words of all systems, HTTP status.
    own = _own_verdict(connector, text) if connector is not None and not _ABSENT.search(text) else None
    if (own is None or is_unknown(own)) and (other := connector_of(text)) not in {None, connector}:
        own = (_own_verdict(other, text) if other else None) or own  # as a driver of JDBC says what its server said
    states = (match[match.lastindex or 0].upper() for match in _STATE.finditer(text))
    verdict = own if own and not is_unknown(own) else next(filter(None, map(by_sqlstate, states)), None)
    code = (own and own.code) or (verdict and verdict.code)
    if verdict is None or is_unknown(verdict := refined(verdict, text)):
        status = _HTTP.search(text)
        answer = by_text(text.replace("_", " "), _ANSWERS) or (
            _STATUS.get(int(status[1] or status[2])) if status else None
        )
        verdict = by_words(text) or answer or by_text(text, TRANSLATIONS) or Verdict("unknown")
    # Who pastes this wanted TLS; a test says that the port is the wrong one.
    if verdict.failure_class == "config" and re.search(NOT_TLS, text, re.IGNORECASE):
        verdict = replace(verdict, failure_class="tls")
    name = _NAME.search(text)
    return replace(verdict, code=code or (name and name[0]) or None)
