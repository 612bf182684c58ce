"""Messages of other tools, as users paste them, and what they are taken for; the origin stands beside each."""

# ruff: noqa: E501 - a table of messages reads best with one a line

import pytest

from qualytics.connectors import all_connectors
from qualytics.probe.verdicts.failure_classes import CLASSES

MESSAGES = [
    # psql (libpq: fe-connect.c, fe-secure-openssl.c; the server's auth.c, postinit.c)
    ("postgresql", 'psql: error: connection to server at "db.example.com" (10.0.0.5), port 5432 failed: FATAL:  password authentication failed for user "app"', "auth"),
    ("postgresql", 'psql: error: connection to server at "localhost" (127.0.0.1), port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?', "refused"),
    ("postgresql", 'psql: error: could not translate host name "db.exmaple.com" to address: Name or service not known', "dns"),
    ("postgresql", 'psql: error: could not translate host name "db" to address: Temporary failure in name resolution', "transient"),
    ("postgresql", 'psql: error: connection to server at "10.1.2.3", port 5432 failed: timeout expired', "timeout"),
    ("postgresql", 'psql: error: connection to server at "10.1.2.3", port 5432 failed: Connection timed out', "timeout"),
    ("postgresql", 'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "sales", no encryption', "tls"),
    ("postgresql", 'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "sales", SSL encryption', "permission"),
    ("postgresql", 'FATAL:  database "slaes" does not exist', "unknown_db"),
    ("postgresql", "FATAL:  sorry, too many clients already", "quota"),
    ("postgresql", "FATAL:  the database system is starting up", "transient"),
    ("postgresql", "psql: error: SSL error: certificate verify failed", "tls"),
    ("postgresql", "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.", "network"),
    # psql, \set VERBOSITY verbose; pgjdbc (PSQLException with its SQLState); psycopg's traceback
    ("postgresql", "ERROR:  42501: permission denied for table orders", "permission"),
    ("postgresql", 'org.postgresql.util.PSQLException: FATAL: password authentication failed for user "app"\n\tat org.postgresql.core.v3.ConnectionFactoryImpl.doAuthentication(ConnectionFactoryImpl.java:693)', "auth"),
    ("postgresql", "org.postgresql.util.PSQLException: The connection attempt failed.\nCaused by: java.net.UnknownHostException: db.exmaple.com", "dns"),
    ("postgresql", "org.postgresql.util.PSQLException: SSL error: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target", "tls"),
    ("timescale", 'psycopg.OperationalError: connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  role "app" is not permitted to log in', "auth"),
    # mysql (the client's and server's errmsg-utf8.txt), Connector/J, PyMySQL, mysql2 of Node.js
    ("mysql", "ERROR 1045 (28000): Access denied for user 'app'@'10.0.0.9' (using password: YES)", "auth"),
    ("mysql", "ERROR 1044 (42000): Access denied for user 'app'@'%' to database 'sales'", "permission"),
    ("mysql", "ERROR 1049 (42000): Unknown database 'slaes'", "unknown_db"),
    ("mysql", "ERROR 2003 (HY000): Can't connect to MySQL server on 'db.example.com:3306' (111)", "refused"),
    ("mysql", "ERROR 2003 (HY000): Can't connect to MySQL server on 'db.example.com:3306' (110)", "timeout"),
    ("mysql", "ERROR 2005 (HY000): Unknown MySQL server host 'db.exmaple.com' (-2)", "dns"),
    ("mysql", "ERROR 2026 (HY000): SSL connection error: error:0A000086:SSL routines::certificate verify failed", "tls"),
    ("mysql", "ERROR 1040 (HY000): Too many connections", "quota"),
    ("mysql", "java.sql.SQLException: Access denied for user 'app'@'10.0.0.9' (using password: YES)\n\tat com.mysql.cj.jdbc.exceptions.SQLError.createSQLException(SQLError.java:130)", "auth"),
    ("mysql", "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds ago.\nCaused by: java.net.ConnectException: Connection refused (Connection refused)", "refused"),
    ("mysql", "java.sql.SQLNonTransientConnectionException: Public Key Retrieval is not allowed", "config"),
    ("mysql", "Error: connect ECONNREFUSED 127.0.0.1:3306\n  errno: -111,\n  code: 'ECONNREFUSED'", "refused"),
    ("mariadb", "pymysql.err.OperationalError: (1130, \"Host '10.0.0.9' is not allowed to connect to this MariaDB server\")", "permission"),
    ("mariadb", "ERROR 2013 (HY000): Lost connection to server at 'handshake: reading initial communication packet', system error: 104", "network"),
    # snowsql and the connectors (errorcode.py, network.py; messages of the service)
    ("snowflake", "250001 (08001): Failed to connect to DB: xy12345.snowflakecomputing.com:443. Incorrect username or password was specified.", "auth"),
    ("snowflake", "250001 (08001): None: Failed to connect to DB: xy12345.snowflakecomputing.com:443. IP/Token 203.0.113.9 is not allowed to access Snowflake. Contact your account administrator.", "permission"),
    ("snowflake", "snowflake.connector.errors.DatabaseError: 250001 (08001): Failed to connect to DB: xy12345.snowflakecomputing.com:443. Role 'ANALYST' specified in the connect string does not exist or not authorized.", "permission"),
    ("snowflake", "002003 (02000): SQL compilation error:\nDatabase 'SLAES' does not exist or not authorized.", "unknown_db"),
    ("snowflake", "000606 (57P03): No active warehouse selected in the current session.", "config"),
    ("snowflake", "net.snowflake.client.jdbc.SnowflakeSQLException: JWT token is invalid. [8d3a7c1e]", "auth"),
    ("snowflake", "290404 (08001): None: 404 Not Found: post https://wrong.snowflakecomputing.com:443/session/v1/login-request", "config"),
    # sqlcmd, the ODBC drivers, SSMS and Microsoft's JDBC driver (sys.messages, msodbcsql's and mssql-jdbc's resources)
    ("sqlserver", "Sqlcmd: Error: Microsoft ODBC Driver 18 for SQL Server : Login failed for user 'app'..", "auth"),
    ("sqlserver", "Sqlcmd: Error: Microsoft ODBC Driver 18 for SQL Server : Login timeout expired.", "timeout"),
    ("sqlserver", "('08001', '[08001] [Microsoft][ODBC Driver 18 for SQL Server]TCP Provider: Error code 0x2749 (10057) (SQLDriverConnect)')", "refused"),
    ("sqlserver", "[Microsoft][ODBC Driver 18 for SQL Server]SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed certificate]", "tls"),
    ("sqlserver", 'com.microsoft.sqlserver.jdbc.SQLServerException: Cannot open database "slaes" requested by the login. The login failed.', "unknown_db"),
    ("sqlserver", 'com.microsoft.sqlserver.jdbc.SQLServerException: The TCP/IP connection to the host db, port 1433 has failed. Error: "Connection refused".', "refused"),
    ("synapse", "Cannot open server 'ws' requested by the login. Client with IP address '203.0.113.9' is not allowed to access the server.", "permission"),
    ("fabric", "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID", "auth"),
    ("fabric", "AADSTS700016: Application with identifier '0000' was not found in the directory 'Contoso'.", "auth"),
    # Of sqlplus, and of Oracle's JDBC driver (docs.oracle.com/error-help/db)
    ("oracle", "ERROR:\nORA-01017: invalid username/password; logon denied", "auth"),
    ("oracle", "ORA-12514: TNS:listener does not currently know of service requested in connect descriptor", "unknown_db"),
    ("oracle", "ORA-12541: TNS:no listener", "refused"),
    ("oracle", "ORA-28000: The account is locked.", "auth"),
    ("oracle", "java.sql.SQLRecoverableException: IO Error: The Network Adapter could not establish the connection\nCaused by: java.net.ConnectException: Connection timed out", "timeout"),
    # db2 and IBM's JDBC driver (ibm.com/docs, "SQL messages" and "Error codes issued by the IBM Data Server Driver for JDBC")
    ("db2", 'SQL30082N  Security processing failed with reason "24" ("USERNAME AND/OR PASSWORD INVALID").  SQLSTATE=08001', "auth"),
    ("db2", 'SQL1013N  The database alias name or database name "SLAES" could not be found.  SQLSTATE=42705', "unknown_db"),
    ("db2", 'SQL30081N  A communication error has been detected.  Communication protocol being used: "TCP/IP".  Protocol specific error code(s): "111", "*", "*".  SQLSTATE=08001', "refused"),
    ("db2", "com.ibm.db2.jcc.am.SqlInvalidAuthorizationSpecException: [jcc][t4][2013][11249][4.31.10] Connection authorization failure occurred.  Reason: User ID or Password invalid. ERRORCODE=-4214, SQLSTATE=28000", "auth"),
    ("db2", "com.ibm.db2.jcc.am.DisconnectNonTransientConnectionException: [jcc][t4][2043][11550][4.31.10] Exception java.net.ConnectException: Error opening socket to server db on port 50,000 with message: Connection refused. ERRORCODE=-4499, SQLSTATE=08001", "refused"),
    # BTEQ and the drivers (docs.teradata.com, "Analytics Database Messages")
    ("teradata", " *** Failure 8017 The UserId, Password or Account is invalid.", "auth"),
    ("teradata", "[Teradata Database] [TeraJDBC 17.20.00.15] [Error 8017] [SQLState 28000] The UserId, Password or Account is invalid.", "auth"),
    ("teradata", " *** Failure 3802 Database 'slaes' does not exist.", "unknown_db"),
    ("teradata", "[Version 20.0.0.15] [Session 0] [Teradata SQL Driver] [Error 493] Hostname lookup failed for td: lookup td: no such host", "dns"),
    # Redshift: the server's words by psql, botocore for IAM_ROLE
    ("redshift", 'FATAL:  password authentication failed for user "awsuser"', "auth"),
    ("redshift", "redshift_connector.error.InterfaceError: ('communication error', TimeoutError('timed out'))", "timeout"),
    # The bq tool and Google's client (cloud.google.com/bigquery/docs/error-messages); google-auth
    ("bigquery", "google.api_core.exceptions.Forbidden: 403 POST https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs: Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.", "permission"),
    ("bigquery", "BigQuery error in query operation: Not found: Dataset p:slaes was not found in location US", "unknown_db"),
    ("bigquery", "google.auth.exceptions.RefreshError: ('invalid_grant: Invalid JWT Signature.', {'error': 'invalid_grant'})", "auth"),
    # aws cli (AWS General Reference, "Common error types"; Amazon S3 "Error responses")
    ("athena", "An error occurred (UnrecognizedClientException) when calling the StartQueryExecution operation: The security token included in the request is invalid.", "auth"),
    ("athena", "An error occurred (InvalidRequestException) when calling the StartQueryExecution operation: WorkGroup analysts is not found.", "unknown_db"),
    ("s3", "An error occurred (SignatureDoesNotMatch) when calling the ListObjectsV2 operation: The request signature we calculated does not match the signature you provided.", "auth"),
    ("s3", "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied", "permission"),
    ("s3", "fatal error: An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: The specified bucket does not exist", "unknown_db"),
    # gcloud storage; az storage (Azure "Blob service error codes")
    ("gcs", "ERROR: (gcloud.storage.ls) HTTPError 404: The specified bucket does not exist.", "unknown_db"),
    ("abfs", "ErrorCode:AuthenticationFailed Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.", "auth"),
    ("abfs", "The specified container does not exist. RequestId:1 ErrorCode:ContainerNotFound", "unknown_db"),
    # trino and presto: command line, JDBC (StandardErrorCode.java)
    ("trino", "Query 20240101_000000_00001_abcde failed: line 1:15: Catalog 'slaes' not found", "unknown_db"),
    ("trino", "TrinoUserError(type=USER_ERROR, name=SCHEMA_NOT_FOUND, message=\"line 1:15: Schema 'x' does not exist\", query_id=1)", "unknown_db"),
    ("trino", "Error running command: Authentication failed: Access Denied: Invalid credentials", "auth"),
    ("presto", "Error running command: java.net.SocketTimeoutException: connect timed out", "timeout"),
    # beeline (HiveServer2's runs)
    ("hive", "Error: Could not open client transport with JDBC Uri: jdbc:hive2://h:10000: Peer indicated failure: Error validating the login (state=08S01,code=0)", "auth"),
    ("hive", "Error: Could not open client transport with JDBC Uri: jdbc:hive2://h:10000: java.net.ConnectException: Connection refused (Connection refused) (state=08S01,code=0)", "refused"),
    # Dremio: Arrow Flight clients in Java and Python (grpc.io, "Status Codes")
    ("dremio", "org.apache.arrow.flight.FlightRuntimeException: Unable to authenticate user a, exception: UNAUTHENTICATED: Invalid username or password", "auth"),
    ("dremio", "pyarrow._flight.FlightUnavailableError: Flight returned unavailable error, with message: failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:32010: Failed to connect to remote host: Connection refused", "refused"),
    # Databricks: SQL connector, REST API's error_code (docs.databricks.com/en/error-messages)
    ("databricks", "databricks.sql.exc.ServerOperationError: [NO_SUCH_CATALOG_EXCEPTION] Catalog 'slaes' was not found. SQLSTATE: 42704", "unknown_db"),
    ("databricks", "Error during request to server: : 401 Unauthorized, invalid access token", "auth"),
    ("databricks_native", '{"error_code":"PERMISSION_DENIED","message":"User does not have USE CATALOG on Catalog \'main\'."}', "permission"),
    # sqlite3, duckdb (main.c; storage_manager.cpp)
    ("sqlite", "Error: in prepare, file is not a database (26)", "config"),
    ("sqlite", "sqlite3.OperationalError: database is locked", "transient"),
    ("sqlite", 'Error: unable to open database "/data/x.db": unable to open database file', "permission"),
    ("duckdb", 'IO Error: Could not set lock on file "/data/a.duckdb": Conflicting lock is held in /usr/bin/duckdb (PID 7)', "transient"),
    ("duckdb", 'IO Error: The file "/data/a.duckdb" exists, but it is not a valid DuckDB database file!', "config"),
    ("synapse", "Query failed because of the 'max concurrent queries' limit. ", "quota"),
    ("synapse", "Sorry, the maximum number of concurrent sessions (1024) for this data warehouse has been reached.", "quota"),
    ("synapse", "CREATE EXTERNAL TABLE AS SELECT statement failed as the path name 'raw/' could not be used for export. Please ensure that the specified path is a directory which exists or can be created, and that files can be created in that directory.", "permission"),
    ("teradata", "[Teradata Database] [Error 3149] TDWM Filter violation for Query Request: for object DW", "permission"),
    ("teradata", "CLI error 286: MTDP: EM_MAXSESS: no more sessions", "quota"),
    ("teradata", "*** CLI error: MTDP: EM_DBC_CRASH_B(221): The network connection to the DBC was lost.", "network"),
    ("teradata", "*** Error: CLI2: BADCONNECT(306)", "network"),
    ("teradata", "[Teradata][ODBC] (10380) Unable to establish a connection with data source. Missing settings: {[DBCName]}", "config"),
    ("teradata", "Teradata: 8024 All virtual circuits are currently in use.", "quota"),
    ("teradata", "The Teradata server can't currently be reached over this network.", "network"),
    ("abfs", "java.lang.IllegalArgumentException: Invalid ABFS URI: abfs://raw", "config"),
    ("abfs", "failed to perform copy command due to error: no SAS token or OAuth token is present and the resource is not public", "auth"),
    ("abfs", "Microsoft.WindowsAzure.Storage.StorageException: The remote server returned an error: (404) Not Found.", "unknown_db"),
    ("abfs", "The MAC signature found in the HTTP request is not the same as any computed signature.", "auth"),
    ("trino", "java.sql.SQLException: Connection property SSL requires a value of true or false", "config"),
    ("trino", "This connector does not support creating schemas", "config"),
    ("postgresql", "failed to connect to `host=/var/run/postgresql`: dial error (dial unix /var/run/postgresql/.s.PGSQL.5432: connect: no such file or directory)", "refused"),
    ("postgresql", "Npgsql.NpgsqlException: The connection pool has been exhausted, either raise 'Max Pool Size' (currently 100) or 'Timeout' (currently 15 seconds) in your connection string.", "quota"),
    ("postgresql", 'ERROR: column "x" does not exist', "config"),
    ("postgresql", "Error: pg_config executable not found.", "driver_missing"),
    ("postgresql", "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00", "quota"),
    ("postgresql", "ERROR:  canceling statement due to conflict with recovery", "transient"),
    ("postgresql", "ERROR:  out of shared memory", "quota"),
    ("postgresql", 'ERROR:  could not read block 0 in file "base/16384/1249": read only 0 of 8192 bytes', "internal"),
    ("postgresql", "PANIC:  could not locate a valid checkpoint record", "internal"),
    ("postgresql", "thread 'main' panicked: Error { kind: Config, cause: Some(UnexpectedMessage) }", "config"),
    ("postgresql", "P1012: error: Error validating datasource `db`: the URL must start with the protocol `postgresql://` or `postgres://`.", "config"),
    ("postgresql", "LoadError: Error loading the 'postgresql' Active Record adapter. Missing a gem it depends on? pg is not part of the bundle.", "driver_missing"),
    ("postgresql", 'Is the server running locally and accepting connections on Unix domain socket "/tmp/.s.PGSQL.5432"?', "refused"),
    ("postgresql", "Cannot connect: the user 'app' is locked out (azure flexible server)", "auth"),
    ("postgresql", "ERROR: the endpoint has been suspended. Enable it using Neon API and retry.", "transient"),
    ("postgresql", 'ERROR: encoding "UTF8" does not match locale "en_US"', "config"),
    ("mysql", "Error: Hostname/IP does not match certificate's altnames", "tls"),
    ("mysql", "MySqlConnector.MySqlException (0x80004005): SSL Authentication Error", "tls"),
    ("mysql", "ERROR 1290 (HY000): The MySQL server is running with the --read-only option so it cannot execute this statement", "transient"),
    ("mysql", "django.core.exceptions.ImproperlyConfigured: mysqlclient 1.4.3 or newer is required; you have 0.9.3.", "driver_missing"),
    ("mysql", "mysql.connector.errors.OperationalError: MySQL Connection not available.", "network"),
    ("mysql", "Error: Can't add new command when connection is in closed state", "network"),
    ("mysql", "MySQLNonTransientConnectionException: Cannot connect to MySQL server on db using SSL", "tls"),
    ("mariadb", "SqlError: (conn=-1, no: 45028, SQLState: HY000) retrieve connection from pool timeout after 10001ms", "quota"),
    ("sqlserver", "The target principal name is incorrect.  Cannot generate SSPI context. (Microsoft SQL Server, Error: 0)", "auth"),
    ("sqlserver", "This driver is not configured for integrated authentication.", "auth"),
    ("sqlserver", "ConnectionError: Failed to connect to db:1433 in 15000ms", "timeout"),
    ("sqlserver", "DB-Lib error message 20047, severity 9: DBPROCESS is dead or not enabled", "network"),
    ("sqlserver", "Database 'sales' cannot be opened. It is in the middle of a restore.", "transient"),
    ("sqlserver", "Database 'sales' is already open and can only have one user at a time.", "transient"),
    ("sqlserver", "Login failed for user 'sa'. Reason: Server is in single user mode. Only one administrator can connect at this time.", "transient"),
    ("sqlserver", "The transaction log for database 'sales' is full due to 'LOG_BACKUP'.", "quota"),
    ("sqlserver", "There is insufficient system memory in resource pool 'internal' to run this query.", "quota"),
    ("sqlserver", "System.InvalidOperationException: Timeout expired.  The timeout period elapsed prior to obtaining a connection from the pool.  This may have occurred because all pooled connections were in use and max pool size was reached.", "quota"),
    ("sqlserver", "[Microsoft][ODBC SQL Server Driver][DBNETLIB]SQL Server does not exist or access denied.", "network"),
    ("sqlserver", "Named Pipes Provider: Could not open a connection to SQL Server [2].", "network"),
    ("sqlserver", "Cannot use a Conflicting authentication keyword", "config"),
    ("sqlserver", "The target database, 'sales', is participating in an availability group and is currently not accessible for queries.", "transient"),
    ("sqlserver", "The target database ('sales') is in an availability group and is currently accessible for connections when the application intent is set to read only.", "transient"),
    ("oracle", "java.sql.SQLRecoverableException: Closed Connection", "network"),
    ("oracle", "UCP-0: Cannot get Connection from Datasource: no available connections in pool", "quota"),
    ("snowflake", "The requested warehouse is suspended and cannot be resumed", "transient"),
    ("snowflake", "TypeError: Password was given but private key is not encrypted", "config"),
    ("snowflake", "Invalid OAuth access token. [x]", "auth"),
    ("s3", "Invalid endpoint: https://s3..amazonaws.com", "config"),
    ("s3", 'Could not connect to the endpoint URL: "https://bucket.s3.eu-west-1.amazonaws.com/"', "network"),
    ("s3", "explicit deny in a service control policy", "permission"),
    ("gcs", "VPC Service Controls: Request is prohibited by organization's policy", "permission"),
    ("bigquery", "Resources exceeded during query execution: The query could not be executed in the allotted memory.", "quota"),
    ("bigquery", "500 An internal error occurred and the request could not be completed. This is usually caused by a transient issue.", "transient"),
    ("bigquery", "ACCESS_TOKEN_SCOPE_INSUFFICIENT: Request had insufficient authentication scopes.", "auth"),
    ("databricks", "Invalid HTTP path", "config"),
    ("databricks", "Warehouse xyz is stopped and cannot be started automatically", "transient"),
    ("hive", "FAILED: HiveException java.lang.RuntimeException: Unable to instantiate org.apache.hadoop.hive.ql.metadata.SessionHiveMetaStoreClient", "transient"),
    ("hive", "Java heap space", "quota"),
    ("athena", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.raw.orders' does not exist", "config"),
    ("athena", "HIVE_METASTORE_ERROR: Table is missing storage descriptor", "config"),
    ("athena", "FAILED: ParseException line 1:1 cannot recognize input near 'foo'", "config"),
    ("redshift", "The cluster is currently paused", "transient"),
    ("redshift", "ERROR: Query (123) cancelled by WLM abort action of Query Monitoring Rule", "quota"),
    ("sqlite", "java.lang.UnsatisfiedLinkError: 'void org.sqlite.core.NativeDB._open_utf8(byte[], int)'", "driver_missing"),
    ("dremio", "RESOURCE ERROR: There was not enough memory", "quota"),
]  # fmt: skip

# The same few failures in the words of OpenSSL's s_client, curl, Go, Node.js and Windows, whatever the type.
# By codes and names of many systems' clients, where no type is named.
ANY_TYPE = [
    ("schannel: SEC_E_UNTRUSTED_ROOT (0x80090325)", "tls"),
    ("schannel: next InitializeSecurityContext failed: 0x80092012", "tls"),
    ("curl: (60) SSL: no alternative certificate subject name matches", "tls"),
    ("curl: (52) Empty reply from server", "network"),
    ("curl: (5) Could not resolve proxy: proxy.example.com", "dns"),
    ("gnutls_handshake() failed: Handshake failed", "tls"),
    ("AuthenticationException: The remote certificate is invalid: PartialChain", "tls"),
    ("error:0A00014D:SSL routines::legacy sigalg disallowed or unsupported", "tls"),
    ("SSL alert number 70", "tls"),
    ("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "tls"),
    ("errSSLXCertChainInvalid", "tls"),
    ("curl: (35) OpenSSL/3.0.2: error:0A00010B:SSL routines::wrong version number", "tls"),
    ("dial tcp: lookup db on 10.96.0.10:53: server misbehaving", "transient"),
    ("[Errno 11002] getaddrinfo failed", "transient"),
    ("java.net.SocketException: Software caused connection abort", "network"),
    ("SocketError: other side closed, code: 'UND_ERR_SOCKET'", "network"),
    ("Tunnel connection failed: 407 Proxy Authentication Required", "config"),
    ("System.DllNotFoundException: sni.dll", "driver_missing"),
    ("Permission denied (publickey,password).", "auth"),
]

EVERYWHERE = [
    ("curl: (6) Could not resolve host: db.exmaple.com", "dns"),
    ("Error: getaddrinfo ENOTFOUND db.exmaple.com", "dns"),
    ("dial tcp: lookup db.exmaple.com: no such host", "dns"),
    ("curl: (7) Failed to connect to db port 1 after 0 ms: Connection refused", "refused"),
    ("No connection could be made because the target machine actively refused it. (10061)", "refused"),
    ("dial tcp 10.0.0.1:443: i/o timeout: connection timed out", "timeout"),
    ("x509: certificate signed by unknown authority", "tls"),
    ("Error: unable to verify the first certificate", "tls"),
    ("javax.net.ssl.SSLHandshakeException: PKIX path validation failed: java.security.cert.CertPathValidatorException: certificate has expired", "tls"),
]  # fmt: skip


SSL_THEN_PLAIN = (
    'psql: error: connection to server at "db" (10.0.0.5), port 5432 failed: {}\n'
    'connection to server at "db" (10.0.0.5), port 5432 failed: {}'
)
PASSWORD = 'FATAL:  password authentication failed for user "app"'
NO_ENTRY = 'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "sales", {}'
PLAIN, ENCRYPTED = NO_ENTRY.format("no encryption"), NO_ENTRY.format("SSL encryption")
REFUSED = "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?"
# Of several attempts: what was said of each, and the class of the one that got furthest, whichever came first.
ATTEMPTS = [
    (PASSWORD, PLAIN, "auth"),
    (PASSWORD, ENCRYPTED, "auth"),
    (PLAIN, ENCRYPTED, "permission"),
    (PLAIN, REFUSED, "tls"),
    (PASSWORD, REFUSED, "auth"),
    (PASSWORD, "timeout expired", "auth"),
    (PASSWORD, "SSL error: certificate verify failed", "auth"),
    (PASSWORD, "SSL error: unexpected eof while reading", "auth"),
    (PASSWORD, "server does not support SSL, but SSL was required", "auth"),
    (ENCRYPTED, "SSL error: tlsv1 alert protocol version", "permission"),
    ('FATAL:  database "slaes" does not exist', PASSWORD, "unknown_db"),
    ('FATAL:  database "slaes" does not exist', PLAIN, "unknown_db"),
    ("FATAL:  the database system is starting up", REFUSED, "transient"),
    ("FATAL:  sorry, too many clients already", "timeout expired", "quota"),
    ("SSL error: certificate verify failed", REFUSED, "tls"),
    (
        "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
        REFUSED,
        "network",
    ),
    ("SSL error: unexpected eof while reading", REFUSED, "network"),
    (REFUSED, "timeout expired", "refused"),
    (REFUSED, "Network is unreachable", "refused"),
    (REFUSED, "Cannot assign requested address", "refused"),
    ("Connection timed out", "Network is unreachable", "timeout"),
    ("authentication method 10 not supported", REFUSED, "config"),
]
ONE_OF_SEVERAL = [
    ("postgresql", f"psql: error: {PASSWORD}\n{PLAIN.replace('no encryption', 'SSL off')}", "auth"),
    ("postgresql", 'psql: error: could not translate host name "a" to address: Name or service not known\nconnection to server at "b" (10.0.0.5), port 5432 failed: Connection refused', "refused"),
    ("postgresql", 'psql: error: could not translate host name "a" to address: Temporary failure in name resolution\nconnection to server at "b" (10.0.0.5), port 5432 failed: Connection refused', "refused"),
    ("postgresql", f'could not connect to server: Connection refused\n\tIs the server running on host "localhost" (::1) and accepting\n\tTCP/IP connections on port 5432?\n{PASSWORD}\n{PLAIN}', "auth"),
    ("timescale", f'(psycopg2.OperationalError) connection to server at "localhost" (::1), port 5432 failed: {PLAIN}\nconnection to server at "localhost" (127.0.0.1), port 5432 failed: {PASSWORD}\n\n(Background on this error at: https://sqlalche.me/e/20/e3q8)', "auth"),
    ("postgresql", f"psycopg.OperationalError: connection failed: {PLAIN}\nMultiple connection attempts failed. All failures were:\n- host: 'localhost', port: '5432', hostaddr: '::1': connection failed: {PASSWORD}\n- host: 'localhost', port: '5432', hostaddr: '127.0.0.1': connection failed: {PLAIN}", "auth"),
    # The driver of Java, which tries again without TLS, and a pool around it
    ("postgresql", f"org.postgresql.util.PSQLException: {PASSWORD}\n\tat org.postgresql.core.v3.ConnectionFactoryImpl.doAuthentication(ConnectionFactoryImpl.java:693)\n\tSuppressed: org.postgresql.util.PSQLException: {PLAIN}", "auth"),
    ("jdbc", f"org.postgresql.util.PSQLException: {PLAIN}\n\tSuppressed: org.postgresql.util.PSQLException: {PASSWORD}", "auth"),
    ("postgresql", f"HikariPool-1 - Connection is not available, request timed out after 30000ms.\nCaused by: org.postgresql.util.PSQLException: {PLAIN}\n\tSuppressed: org.postgresql.util.PSQLException: {PASSWORD}", "auth"),
    # Npgsql: all addresses, the first one of them outermost
    ("postgresql", 'Npgsql.NpgsqlException (0x80004005): Unable to connect to a suitable host. Check inner exception for more details.\n ---> System.AggregateException: One or more errors occurred. (28000: no pg_hba.conf entry for host "::1", user "app", database "sales", no encryption) (28P01: password authentication failed for user "app")', "auth"),
    ("postgresql", 'Npgsql.NpgsqlException: Failed to connect to [::1]:5432\n ---> System.Net.Sockets.SocketException (111): Connection refused\n ---> (Inner Exception #1) Npgsql.PostgresException (0x80004005): 28P01: password authentication failed for user "app"', "auth"),
    # Clients written in Go, in JavaScript, in Python: pgx has an address a line
    ("postgresql", f"failed to connect to `user=app database=sales`:\n\t[::1]:5432 (localhost): dial error: dial tcp [::1]:5432: connect: connection refused\n\t127.0.0.1:5432 (localhost): failed SASL auth: {PASSWORD} (SQLSTATE 28P01)\n\t127.0.0.1:5432 (localhost): server error: {PLAIN} (SQLSTATE 28000)", "auth"),
    ("postgresql", f"failed to connect to `user=app database=sales`: 10.0.0.5:5432 (db): tls error: server refused TLS connection\n10.0.0.5:5432 (db): failed SASL auth: {PASSWORD} (SQLSTATE 28P01)", "auth"),
    ("postgresql", "failed to connect to `user=app database=sales`: hostname resolving error: lookup a: no such host\n\t10.0.0.5:5432 (b): dial error: dial tcp 10.0.0.5:5432: connect: connection refused", "refused"),
    ("postgresql", 'pq: no pg_hba.conf entry for host "10.0.0.9", user "app", database "sales", SSL off\npq: password authentication failed for user "app"', "auth"),
    ("postgresql", 'asyncpg.exceptions.InvalidAuthorizationSpecificationError: no pg_hba.conf entry for host "10.0.0.9", user "app", database "sales", no encryption\nasyncpg.exceptions.InvalidPasswordError: password authentication failed for user "app"', "auth"),
    ("postgresql", 'error: pg_hba.conf rejects connection for host "10.0.0.9", user "app", database "slaes", no encryption\nerror: database "slaes" does not exist', "unknown_db"),
    ("postgresql", f"The server requested password-based authentication, but no password was provided.\n\tSuppressed: org.postgresql.util.PSQLException: {PLAIN}", "auth"),
    ("postgresql", "org.postgresql.util.PSQLException: Connection to a:5432 refused. Check that the hostname and port are correct.\n\tSuppressed: java.net.SocketTimeoutException: connect timed out", "refused"),
    ("postgresql", f'SQLSTATE[08006] [7] connection to server at "10.0.0.5", port 5432 failed: {REFUSED}', "refused"),
    ("postgresql", f"[28000] [psqlODBC] {PLAIN}", "tls"),
    ("postgresql", f"[28000] [psqlODBC] {PLAIN}\n[28P01] [psqlODBC] {PASSWORD}", "auth"),
    ("trino", "dial tcp: lookup a: no such host\ndial tcp 10.0.0.1:443: connect: connection refused", "refused"),
    ("postgresql", "pq: SSL is not enabled on the server", "tls"),
    ("postgresql", "AggregateError [ECONNREFUSED]:\n  [errors]: [\n    Error: connect ECONNREFUSED ::1:5432\n    error: password authentication failed for user \"app\" code: '28P01' ]", "auth"),
    ("postgresql", "AggregateError: Error: getaddrinfo ENOTFOUND a\n Error: connect ECONNREFUSED 127.0.0.1:5432", "refused"),
    # mysql, PyMySQL, go-sql-driver, Connector/J
    ("mysql", "ERROR 2003 (HY000): Can't connect to MySQL server on '::1:3306' (111)\nERROR 1045 (28000): Access denied for user 'app'@'localhost' (using password: YES)", "auth"),
    ("mysql", "ERROR 1045 (28000): Access denied for user 'app'@'db' (using password: YES)\nERROR 2003 (HY000): Can't connect to MySQL server on 'b:3306' (110)", "auth"),
    ("mariadb", "ERROR 2013 (HY000): Lost connection to server at 'handshake: reading initial communication packet'\nERROR 1045 (28000): Access denied for user 'app'@'localhost' (using password: YES)", "auth"),
    ("mysql", "ERROR 2026 (HY000): SSL connection error: certificate verify failed\nERROR 1045 (28000): Access denied for user 'app'@'localhost'", "auth"),
    ("mysql", "ERROR 1130 (HY000): Host '10.0.0.9' is not allowed to connect to this MySQL server\nERROR 1045 (28000): Access denied for user 'app'@'localhost'", "auth"),
    ("mysql", "(pymysql.err.OperationalError) (2006, 'MySQL server has gone away')\n(pymysql.err.OperationalError) (1045, \"Access denied for user 'app'@'localhost'\")", "auth"),
    ("mysql", "Error 2013: Lost connection\nError 1049 (42000): Unknown database 'slaes'", "unknown_db"),
    ("mysql", "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure\nCaused by: java.net.ConnectException: Connection refused", "refused"),
    ("mysql", "CommunicationsException: Communications link failure\nSuppressed: java.sql.SQLException: Access denied for user 'app'@'localhost'", "auth"),
]  # fmt: skip
# A client that is too old for the server's way of logging in, and a connection that breaks off in TLS.
OLD_CLIENTS = [
    *(
        ("postgresql", message, "config")
        for message in (
            "The authentication type 10 is not supported. Check that you have configured the pg_hba.conf file to include the client's IP address or subnet, and that it is using an authentication scheme supported by the driver.",
            "The authentication type 7 is not supported. Check that you have configured the pg_hba.conf file to include the client's IP address or subnet",
            "authentication type 10 not supported",
            "psql: authentication method 10 not supported",
            "Authentication method not supported (Received: 10)",
            "Authentication method 10 not supported by pg8000.",
            "pq: unknown authentication response: 10",
            "unsupported authentication method requested by the server: 10",
            "SCRAM authentication requires libpq version 10 or above",
            "SQLSTATE[08006] [7] SCRAM authentication requires libpq version 10 or above",
            "requires libpq version 10",
        )
    ),
    ("jdbc", "org.postgresql.util.PSQLException: The authentication type 10 is not supported. Check that you have configured the pg_hba.conf file", "config"),
    ("redshift", "The authentication type 13 is not supported. Check that you have configured the pg_hba.conf file", "config"),
    ("mysql", "Client does not support authentication protocol requested by server; consider upgrading MySQL client", "config"),
    ("mysql", "SQLSTATE[HY000] [2054] The server requested authentication method unknown to the client [caching_sha2_password]", "config"),
    ("mysql", "this authentication plugin is not supported", "config"),
    *(
        ("postgresql", f'connection to server at "db" (10.0.0.5), port 5432 failed: {words}', "network")
        for words in (
            "SSL error: unexpected eof while reading",
            "SSL error: unexpected eof",
            "SSL SYSCALL error: EOF detected",
            "SSL SYSCALL error: Connection reset by peer",
            "SSL connection has been closed unexpectedly",
            "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.",
            "SSL error: unexpected eof while reading\nserver closed the connection unexpectedly",
        )
    ),
    ("postgresql", "org.postgresql.util.PSQLException: SSL error: Remote host terminated the handshake\nCaused by: java.io.EOFException: SSL peer shut down incorrectly", "network"),
    ("postgresql", "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1007)", "network"),
    ("postgresql", "SSL error: certificate verify failed: server closed the connection unexpectedly", "tls"),
    ("postgresql", "SSL error: sslv3 alert handshake failure", "tls"),
]  # fmt: skip


# A code alone, with and without the type, and codes in the forms of many drivers: class and code.
CODES = [
    ("postgresql", "28P01", "auth", "28P01"),
    ("postgresql", "sqlstate 3D000", "unknown_db", "3D000"),
    ("timescale", "53300", "quota", "53300"),
    ("redshift", "57014", "timeout", "57014"),
    (None, "28P01", "auth", "28P01"),
    (None, "SQLSTATE 3D000", "unknown_db", "3D000"),
    ("postgresql", "FATAL:  28P01: Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", "auth", "28P01"),
    ("postgresql", 'failed SASL auth (FATAL: password authentication failed for user "app" (SQLSTATE 28P01))', "auth", "28P01"),
    ("postgresql", "org.postgresql.util.PSQLException: ВАЖНО: база данных не существует; SQLState: 3D000", "unknown_db", "3D000"),
    ("postgresql", "Npgsql.PostgresException (0x80004005): 53300: sorry, too many clients already", "quota", "53300"),
    ("postgresql", "{ severity: 'FATAL', code: '28P01', routine: 'auth_failed' }", "auth", "28P01"),
    ("postgresql", "[28000] [psqlODBC] Rolle darf sich nicht anmelden", "auth", "28000"),
    ("postgresql", 'PgDatabaseError { severity: Fatal, code: "3D000", message: "x" }', "unknown_db", "3D000"),
    ("postgresql", "SqlState(E28P01)", "auth", "28P01"),
    ("postgresql", "SQLSTATE[08006] [7] timeout expired", "timeout", "08006"),
    ("postgresql", "ERROR: 58030: could not read file", "internal", "58030"),
    ("postgresql", "FATAL: XX000: Tenant or user not found", "auth", "XX000"),
    ("postgresql", "Error: connect ECONNREFUSED 127.0.0.1:5432 { errno: -111, code: 'ECONNREFUSED' }", "refused", "ECONNREFUSED"),
    ("postgresql", "Error: getaddrinfo ENOTFOUND db.exmaple.com", "dns", "ENOTFOUND"),
    ("postgresql", "something else [10061] (54321)", "refused", None),
    ("mysql", "1045", "auth", "1045"),
    ("mysql", "error 1049", "unknown_db", "1049"),
    ("mariadb", "ERROR 1045 (28000): Acceso denegado", "auth", "1045"),
    ("mysql", "SQLSTATE[HY000] [2002] Connection refused", "refused", "2002"),
    ("mysql", "mysql.connector.errors.DatabaseError: 2003 (HY000): Can't connect to MySQL server on 'db:3306' (111)", "refused", "2003"),
    ("mysql", "mysqli_sql_exception: (HY000/1044): Nee", "permission", "1044"),
    ("mysql", "{ code: 'ER_ACCESS_DENIED_ERROR', errno: 1045, sqlState: '28000' }", "auth", "1045"),
    ("mysql", "ERROR 9001 (HY000): Max connect timeout reached while reaching hostgroup 0 after 10000ms", "timeout", "9001"),
    ("mariadb", "ERROR 1047 (08S01): WSREP has not yet prepared node for application use", "transient", "1047"),
    ("mysql", "(3306) is a port, and (2024) a year", "unknown", None),
    ("sqlserver", "18456", "auth", "18456"),
    ("sqlserver", "Error: 18456, Severity: 14, State: 38.", "unknown_db", "18456"),
    ("sqlserver", "com.microsoft.sqlserver.jdbc.SQLServerException: Ошибка входа SQLSTATE(S0001), ErrorCode(18456)", "auth", "18456"),
    ("sqlserver", "('42000', '[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Nein. (4060) (SQLDriverConnect)')", "unknown_db", "4060"),
    ("synapse", "Error Number:40613,State:1,Class:20", "transient", "40613"),
    ("sqlserver", "ConnectionError: Login failed for user 'sa'. { code: 'ELOGIN' }", "auth", "ELOGIN"),
    ("sqlserver", "('HYT00', '[HYT00] [Microsoft][ODBC Driver 18 for SQL Server]Login timeout expired (0) (SQLDriverConnect)')", "timeout", "HYT00"),
    ("fabric", "AADSTS7000222: The provided client secret keys are expired", "auth", "AADSTS7000222"),
    ("oracle", "ORA-12514", "unknown_db", "ORA-12514"),
    (None, "ora-1017", "auth", "ORA-01017"),
    (None, "TNS-12541", "refused", "TNS-12541"),
    (None, "DPY-6001", "unknown_db", "DPY-6001"),
    (None, "DPI-1047", "driver_missing", "DPI-1047"),
    ("oracle", "ORA-00604: エラー ORA-01017: ユーザー名/パスワードが無効です", "auth", "ORA-01017"),
    ("oracle", "DPY-6005: cannot connect to database. [Errno 111] Connection refused", "refused", "DPY-6005"),
    ("oracle", "NJS-510: connection to host db timed out", "timeout", "NJS-510"),
    ("db2", "SQL1013N", "unknown_db", "SQL1013N"),
    ("db2", "-551", "permission", "SQL0551N"),
    (None, "SQL30082N", "auth", "SQL30082N"),
    ("db2", 'SQL30082N  Sicherheitsverarbeitung fehlgeschlagen: reason "17" SQLSTATE=08001', "config", "SQL30082N"),
    ("db2", "DB2 SQL Error: SQLCODE=-1060, SQLSTATE=08004, SQLERRMC=APP", "permission", "SQL1060N"),
    ("db2", "[jcc][t4][2013][11249] ERRORCODE=-4214, SQLSTATE=28000", "auth", "-4214"),
    ("db2", "ERRORCODE=-4499, SQLSTATE=08001: java.net.ConnectException: Connection refused", "refused", "-4499"),
    ("teradata", "8017", "auth", "8017"),
    ("teradata", "[Teradata SQL Driver] [Error 444] Failed to connect. i/o timeout", "timeout", "444"),
    ("snowflake", "390144", "auth", "390144"),
    (None, "390100", "auth", "390100"),
    (None, "250001 (08001): Failed to connect to DB: x. Incorrect username or password was specified.", "auth", "250001"),
    ("snowflake", "002003 (02000): SQL compilation error", "unknown_db", "002003"),
    ("athena", "UnrecognizedClientException", "auth", "UnrecognizedClientException"),
    ("s3", "An error occurred (SlowDown) when calling the ListObjectsV2 operation: Reduce your request rate", "quota", "SlowDown"),
    ("s3", "operation error S3: ListObjectsV2, https response error StatusCode: 404, api error NoSuchBucket: x", "unknown_db", "NoSuchBucket"),
    (None, "An error occurred (SignatureDoesNotMatch) when calling the AssumeRole operation: x", "auth", "SignatureDoesNotMatch"),
    ("redshift", "An error occurred (ClusterNotFound) when calling the DescribeClusters operation: x", "unknown_db", "ClusterNotFound"),
    ("athena", "An error occurred (InvalidRequestException) when calling the StartQueryExecution operation: what", "config", "InvalidRequestException"),
    ("abfs", "ErrorCode:AuthorizationPermissionMismatch", "permission", "AuthorizationPermissionMismatch"),
    ("abfs", "AADSTS700016: Application with identifier 'x' was not found", "auth", "AADSTS700016"),
    ("trino", "CATALOG_NOT_FOUND", "unknown_db", "CATALOG_NOT_FOUND"),
    ("presto", "{'message': 'x', 'errorName': 'EXCEEDED_GLOBAL_MEMORY_LIMIT'}", "quota", "EXCEEDED_GLOBAL_MEMORY_LIMIT"),
    ("trino", "error 401: b'Unauthorized'", "auth", "401"),
    ("dremio", "UNAUTHENTICATED", "auth", "UNAUTHENTICATED"),
    ("dremio", 'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp: lookup x: no such host"', "dns", "UNAVAILABLE"),
    ("hive", "HTTP Response code: 401", "auth", "401"),
    ("hive", "FAILED: SemanticException [Error 10072]: 数据库不存在", "unknown_db", "10072"),
    ("bigquery", "{'reason': 'quotaExceeded', 'message': 'x'}", "quota", "quotaExceeded"),
    ("bigquery", "accessDenied", "permission", "accessDenied"),
    ("oracle", "1017", "auth", "ORA-01017"),
    ("sqlite", "SQLITE_NOTADB", "config", "SQLITE_NOTADB"),
    ("sqlite", "SQLITE_READONLY_DIRECTORY: nein", "permission", "SQLITE_READONLY"),
    ("sqlite", "Error: stepping, (5)", "transient", "SQLITE_BUSY"),
    ("duckdb", "IO Error: Could not set lock on file", "transient", "IOException"),
    ("duckdb", "_duckdb.PermissionException: Permission Error: no", "permission", "PermissionException"),
    ("databricks", "[NO_SUCH_CATALOG_EXCEPTION] x", "unknown_db", "NO_SUCH_CATALOG_EXCEPTION"),
    ("databricks_native", '{"error_code":"PERMISSION_DENIED","message":"x"}', "permission", "PERMISSION_DENIED"),
    ("jdbc", "java.sql.SQLException: x [SQLSTATE 28000]", "auth", "28000"),
    ("oracle", "ORA-99999: new", "unknown", "ORA-99999"),
    ("mysql", "Error: ER_LOCK_WAIT_TIMEOUT: nein", "transient", "1205"),
    ("mysql", "Error: ER_TOO_MANY_USER_CONNECTIONS: nein", "quota", "1203"),
    ("postgresql", "ERROR:  could not obtain lock on relation", "transient", None),
    ("duckdb", "TransactionContext Error: nein", "transient", "TransactionContextException"),
    ("duckdb", "HTTP Error: Unable to connect to URL: 401 (Unauthorized)", "auth", "HTTPException"),
    ("sqlite", "Error: malformed database schema", "config", None),
    ("sqlite", "Cannot open database because the directory does not exist", "unknown_db", None),
    (None, "error 10061", "refused", None),
    ("gcs", "DefaultCredentialsError: File /run/reader.json was not found.", "config", None),
    ("db2", 'SQL30081N  x.  Protocol specific error code(s): "79", "*", "*".', "refused", "SQL30081N"),
    ("db2", 'SQL30081N  x.  Protocol specific error code(s): "10060", "*", "*".', "timeout", "SQL30081N"),
    ("postgresql", 'FATAL:  ロール"app"は存在しません', "auth", None),
    ("teradata", "tls: first record does not look like a TLS handshake", "tls", None),
    ("hive", "ModuleNotFoundError: No module named 'sasl'", "driver_missing", None),
    ("postgresql", f"asyncpg.exceptions.InvalidAuthorizationSpecificationError: {NO_ENTRY.format('SSL off')}", "tls", "28000"),
    # Servers in other languages: the code alone decides (German, French, Japanese, Spanish).
    ("postgresql", "FATAL:  28P01: Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", "auth", "28P01"),
    ("postgresql", "FATAL:  3D000: la base de données « x » n'existe pas", "unknown_db", "3D000"),
    ("mysql", "ERROR 1045 (28000): ユーザー 'app'@'h' を拒否します", "auth", "1045"),
    ("mysql", "ERROR 1049 (42000): Base de datos desconocida 'x'", "unknown_db", "1049"),
    ("sqlserver", "Msg 4060, Level 11, State 1: Die angeforderte Datenbank kann nicht geöffnet werden.", "unknown_db", "4060"),
    ("sqlserver", "Msg 18456, Level 14, State 1: ユーザー 'sa' はログインできませんでした。", "auth", "18456"),
    ("oracle", "ORA-01017: nombre de usuario/contraseña no válidos; conexión denegada", "auth", "ORA-01017"),
    ("oracle", "ORA-12541: TNS: aucun processus d'écoute", "refused", "ORA-12541"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message", "wanted", "code"), CODES)
def test_a_code_is_found_and_decides(run, kind, message, wanted, code):
    named = () if kind is None else ("-t", kind)
    document = run("connections", "explain", *named, "-f", "json", stdin=message.encode()).json
    assert (document["class"], document["code"]) == (wanted, code)


@pytest.mark.parametrize("message", ["1045", "18456", "the cat sat on the mat", "8017"])
def test_without_a_type_what_may_be_of_many_is_refused(run, message):
    result = run("connections", "explain", stdin=message.encode())
    assert (result.code, result.out) == (2, "")
    assert "--type" in result.err


@pytest.mark.parametrize(
    ("message", "wanted", "code"),
    [
        ("250001 or so: Incorrect username or password was specified, as the driver says", "auth", None),
        ("No output location provided for the query", "config", None),
        ("The password of the account must be changed.", "auth", None),
        ("Query failed: No nodes available to run query", "transient", None),
        ("connection attempt aborted: EM_NOHOST in the hosts file", "dns", None),
    ],
)
def test_without_a_type_a_class_on_which_all_types_agree_is_told(run, message, wanted, code):
    document = run("connections", "explain", "-f", "json", stdin=message.encode()).json
    assert (document["class"], document["code"]) == (wanted, code)


def test_without_a_type_words_of_which_types_think_otherwise_are_refused(run):
    assert run("connections", "explain", stdin=b"refused with errorNum 1045 or Error 1045 once").code == 2


def class_of(run, kind, message):
    return run("connections", "explain", "-t", kind, "-f", "json", stdin=message.encode()).json["class"]


@pytest.mark.parametrize(("one", "other", "wanted"), ATTEMPTS)
def test_of_two_attempts_the_one_that_got_furthest_decides(run, one, other, wanted):
    assert class_of(run, "postgresql", SSL_THEN_PLAIN.format(one, other)) == wanted
    assert class_of(run, "postgresql", SSL_THEN_PLAIN.format(other, one)) == wanted


@pytest.mark.parametrize(("kind", "message", "wanted"), ONE_OF_SEVERAL + OLD_CLIENTS)
def test_other_clients_attempts_and_old_clients_get_their_class(run, kind, message, wanted):
    assert class_of(run, kind, message) == wanted


@pytest.mark.parametrize(("kind", "message", "wanted"), MESSAGES)
def test_a_pasted_message_gets_its_class(run, kind, message, wanted):
    result = run("connections", "explain", "--type", kind, "--format", "json", stdin=message.encode())
    assert result.code == 0, result.err
    assert list(result.json) == ["class", "code", "retryable", "cause", "hint"]
    assert result.json["class"] == wanted
    assert result.json["retryable"] is CLASSES[wanted].retryable
    assert result.json["cause"]
    assert result.json["hint"]
    assert not {"{", "}"} & set(result.json["cause"])
    assert "of this report" not in result.out


@pytest.mark.parametrize(("message", "wanted"), ANY_TYPE)
def test_codes_of_any_client_need_no_type(run, message, wanted):
    assert run("connections", "explain", message, "-f", "json").json["class"] == wanted


@pytest.mark.slow  # as many commands as there are types and messages
@pytest.mark.parametrize("connector", all_connectors(), ids=lambda connector: connector.type)
@pytest.mark.parametrize(("message", "wanted"), EVERYWHERE)
def test_the_words_of_the_network_mean_the_same_for_every_type(run, connector, message, wanted):
    assert run("connections", "explain", "-t", connector.type, message, "-f", "json").json["class"] == wanted


@pytest.mark.parametrize("connector", all_connectors(), ids=lambda connector: connector.type)
def test_an_unknown_text_is_unknown_and_says_what_to_do(run, connector):
    document = run("connections", "explain", "-t", connector.type, "the cat sat on the mat", "-f", "json").json
    assert document["class"] == "unknown"
    assert document["hint"] == f"test the connection itself: qualytics connections test --type {connector.type} …"


@pytest.mark.parametrize("words", [(), ("-",)])
def test_a_message_comes_from_a_pipe(run, words):
    result = run("connections", "explain", "--type", "mysql", *words, stdin=b"ERROR 1049 (42000): Unknown database\n")
    assert result.document["class"] == "unknown_db"


@pytest.mark.parametrize(
    "message",
    [
        "connect failed: postgres://app:canary-77e1@db/x password=canary-77e1 FATAL: password authentication failed",
        "pwd=canary-77e1;uid=app: what is this",
    ],
)
def test_nothing_of_a_message_is_shown_again(run, message):
    for result in (
        run("connections", "explain", "--type", "postgresql", message, "--debug"),
        run("connections", "explain", "--type", "sqlserver", "--debug", stdin=message.encode()),
        run("connections", "explain", "--type", "nothing", message, "--debug"),
        run("connections", "explain", "--type", "sqlite", message, message, "--debug"),
    ):
        assert "canary-77e1" not in result.out + result.err


def test_bytes_that_are_no_text_and_empty_input_are_no_crash(run):
    assert (
        run("connections", "explain", "-t", "oracle", stdin=b"\xff\xfe ORA-12541 \x00").document["class"] == "refused"
    )
    empty = run("connections", "explain", "-t", "oracle", stdin=b" \n")
    assert (empty.code, empty.out) == (2, "")
    assert "message is empty" in empty.err


def test_too_much_input_is_refused(run):
    result = run("connections", "explain", "-t", "oracle", stdin=b"x" * ((1 << 20) + 1))
    assert (result.code, result.out) == (2, "")


@pytest.mark.slow
@pytest.mark.parametrize("connector", all_connectors(), ids=lambda connector: connector.type)
@pytest.mark.parametrize("piece", ["pg_hba.conf ", "role ", "database ", "a", "(1", "ERROR: 0", "account "])
def test_no_text_keeps_the_patterns_busy(run, connector, piece):
    text = (piece * (1 << 20))[: 1 << 20]
    assert run("connections", "explain", "-t", connector.type, stdin=text.encode()).code == 0


def test_the_end_of_a_long_trace_counts(run):
    trace = "java.sql.SQLException: it failed\n" + "\tat a.b.C.d(C.java:1)\n" * 5_000
    trace += "Caused by: java.net.UnknownHostException: db\n"
    assert run("connections", "explain", "-t", "postgresql", stdin=trace.encode()).document["class"] == "dns"
