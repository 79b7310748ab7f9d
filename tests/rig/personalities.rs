//! What other servers do differently from a `mongod`, line by line, each with its source.

use crate::personality::{Line, Personality, Refusal, Trait};

const NO_SUCH_COMMAND: Refusal =
    Refusal { code: 59, name: "CommandNotFound", message: "no such command" };

/// The router of a sharded cluster, of this version.
macro_rules! mongos {
    ($name:literal, $hello:literal, $build:literal) => {
        Personality {
            name: $name,
            lines: &[
                Line(Trait::Hello($hello), "mongo src/mongo/s/commands/cluster_hello_cmd.cpp"),
                Line(Trait::BuildInfo($build), "manual: buildInfo, and the wire version of hello"),
                Line(
                    Trait::OwnClock,
                    "mongo src/mongo/s/commands/cluster_hello_cmd.cpp: jsTime() of mongos",
                ),
                Line(
                    Trait::ClusterTime,
                    "mongo src/mongo/rpc/metadata: every reply of a cluster has it",
                ),
                Line(
                    Trait::Lacks(
                        &["replSetGetStatus", "replSetGetConfig"],
                        Refusal {
                            code: 59,
                            name: "CommandNotFound",
                            message: "not supported through mongos",
                        },
                    ),
                    "manual: replSetGetStatus must be run on the admin database of a member",
                ),
                Line(Trait::CountsOrphans(7), "SERVER-3645"),
            ],
        }
    };
}

/// The router of a cluster of MongoDB 8.0.
pub static MONGOS: Personality = mongos!(
    "MongoDB 8.0, sharded",
    r#"{"msg": "isdbgrid", "isWritablePrimary": true, "maxWireVersion": 25}"#,
    r#"{"version": "8.0.12", "versionArray": [8, 0, 12, 0]}"#
);

/// The router of a cluster of MongoDB 7.0.
pub static MONGOS_7: Personality = mongos!(
    "MongoDB 7.0, sharded",
    r#"{"msg": "isdbgrid", "isWritablePrimary": true, "maxWireVersion": 21}"#,
    r#"{"version": "7.0.14", "versionArray": [7, 0, 14, 0]}"#
);

const UNDEFINED_NOW: Refusal =
    Refusal { code: 17276, name: "Location17276", message: "Use of undefined variable: NOW" };

const fn unknown_expression(message: &'static str) -> Refusal {
    Refusal { code: 168, name: "InvalidPipelineOperator", message }
}

/// MongoDB 8.0 whose operator set a limit for reads that have none.
pub static MONGODB_8: Personality = Personality {
    name: "MongoDB 8.0, `defaultMaxTimeMS`",
    lines: &[
        Line(Trait::Hello(r#"{"maxWireVersion": 25}"#), "manual: 8.0 has wire version 25"),
        Line(
            Trait::BuildInfo(r#"{"version": "8.0.12", "versionArray": [8, 0, 12, 0]}"#),
            "manual: buildInfo",
        ),
        Line(
            Trait::RequiresMaxTime(
                &["find", "aggregate", "count", "distinct"],
                Refusal {
                    code: 50,
                    name: "MaxTimeMSExpired",
                    message: "operation exceeded time limit",
                },
            ),
            "manual: cluster parameter defaultMaxTimeMS",
        ),
    ],
};

/// Amazon `DocumentDB` 5.0.
pub static DOCUMENTDB: Personality = Personality {
    name: "Amazon DocumentDB 5.0",
    lines: &[
        Line(
            Trait::Hello(
                r#"{"setName": "rs0", "hosts": ["ADDRESS"], "me": "ADDRESS", "primary": "ADDRESS",
                    "maxWireVersion": 13}"#,
            ),
            "developer guide: connect with replicaSet=rs0",
        ),
        Line(
            Trait::BuildInfo(r#"{"version": "5.0.0", "versionArray": [5, 0, 0, 0]}"#),
            "developer guide: engine version 5.0.0",
        ),
        Line(
            Trait::Refuses(
                &["insert", "update", "delete", "findAndModify"],
                "txnNumber",
                Refusal {
                    code: 301,
                    name: "Unknown",
                    message: "Retryable writes are not supported",
                },
            ),
            "developer guide: retryable writes only since 8.0.2, 301 before",
        ),
        Line(
            Trait::Refuses(&["update", "findAndModify"], "$$NOW", UNDEFINED_NOW),
            "developer guide: supported system variables",
        ),
        Line(
            Trait::Refuses(
                &[],
                "$bsonSize",
                unknown_expression("Unrecognized expression '$bsonSize'"),
            ),
            "awslabs/amazon-documentdb-tools compat.py",
        ),
        Line(
            Trait::Refuses(
                &[],
                "$dateFromParts",
                unknown_expression("Unrecognized expression '$dateFromParts'"),
            ),
            "awslabs/amazon-documentdb-tools compat.py",
        ),
        Line(
            Trait::Refuses(
                &[],
                "$replaceWith",
                Refusal {
                    code: 304,
                    name: "Unknown",
                    message: "Aggregation stage not supported: '$replaceWith'",
                },
            ),
            "awslabs/amazon-documentdb-tools compat.py",
        ),
        Line(
            Trait::Refuses(
                &["aggregate"],
                "$facet",
                Refusal {
                    code: 304,
                    name: "Unknown",
                    message: "Aggregation stage not supported: '$facet'",
                },
            ),
            "awslabs/amazon-documentdb-tools compat.py: since 8.0.2",
        ),
        Line(
            Trait::Refuses(
                &["listCollections"],
                "type",
                Refusal { code: 303, name: "Unknown", message: "Feature not supported: filter" },
            ),
            "awslabs/amazon-documentdb-tools compat.py",
        ),
    ],
};

/// An elastic cluster of Amazon `DocumentDB`, as far as it differs from the others in what is used.
pub static ELASTIC: Personality = Personality {
    name: "Amazon DocumentDB, elastic",
    lines: &[
        Line(
            Trait::BuildInfo(r#"{"version": "5.0.0", "versionArray": [5, 0, 0, 0]}"#),
            "developer guide: engine version 5.0.0",
        ),
        Line(
            Trait::Refuses(
                &[],
                "$expr",
                Refusal { code: 303, name: "Unknown", message: "Feature not supported: $expr" },
            ),
            "awslabs/amazon-documentdb-tools compat.py: not on elastic clusters",
        ),
        Line(
            Trait::Refuses(&[], "$switch", unknown_expression("Unrecognized expression '$switch'")),
            "awslabs/amazon-documentdb-tools compat.py: not on elastic clusters",
        ),
    ],
};

/// Azure Cosmos DB for MongoDB by request units.
pub static COSMOS: Personality = Personality {
    name: "Azure Cosmos DB (request units)",
    lines: &[
        Line(
            Trait::Hello(
                r#"{"setName": "globaldb", "hosts": ["ADDRESS"], "me": "ADDRESS",
                    "primary": "ADDRESS", "maxWireVersion": 13}"#,
            ),
            "connection strings of the portal: replicaSet=globaldb",
        ),
        Line(
            Trait::BuildInfo(
                r#"{"version": "4.2.0", "versionArray": [4, 2, 0, 0], "_t": "BuildInfoResponse"}"#,
            ),
            "azure-docs feature-support-42.md; buildInfo as drivers' issues show it",
        ),
        Line(
            Trait::Lacks(
                &["collMod", "connectionStatus", "serverStatus", "replSetGetStatus", "currentOp"],
                NO_SUCH_COMMAND,
            ),
            "azure-docs feature-support-42.md",
        ),
        Line(
            Trait::Refuses(
                &["delete"],
                "txnNumber",
                Refusal {
                    code: 61,
                    name: "ShardKeyNotFound",
                    message: "query in command must target a single shard key",
                },
            ),
            "azure-docs: retryable writes need the shard key",
        ),
        Line(
            Trait::Refuses(
                &[],
                "$bsonSize",
                unknown_expression("Unrecognized expression '$bsonSize'"),
            ),
            "azure-docs feature-support-42.md: not listed",
        ),
    ],
};

/// Azure `DocumentDB` (vCore). Its topology in `hello` could not be read anywhere, and is left out.
pub static VCORE: Personality = Personality {
    name: "Azure DocumentDB (vCore)",
    lines: &[
        Line(
            Trait::Hello(r#"{"internal": {"documentdb_versions": ["0.117-0"]}}"#),
            "microsoft/documentdb gateway, dynamic configuration",
        ),
        Line(
            Trait::BuildInfo(r#"{"version": "7.0.0", "versionArray": [7, 0, 0, 0]}"#),
            "microsoft/documentdb gateway",
        ),
        Line(
            Trait::Refuses(&["update", "findAndModify"], "$$NOW", UNDEFINED_NOW),
            "microsoft/documentdb bson_expression.c, find_and_modify.c",
        ),
        Line(Trait::Ignores(&["delete"], "hint"), "microsoft/documentdb delete.c"),
    ],
};

/// `FerretDB` 2 on an engine that knows no `$$NOW` at all.
pub static FERRETDB: Personality = Personality {
    name: "FerretDB 2",
    lines: &[
        Line(
            Trait::BuildInfo(
                r#"{"version": "7.0.77", "versionArray": [7, 0, 77, 0],
                    "ferretdb": {"version": "v2.0.0", "package": "unknown"}}"#,
            ),
            "FerretDB internal/handler/msg_buildinfo.go",
        ),
        Line(
            Trait::Refuses(&[], "$$NOW", UNDEFINED_NOW),
            "microsoft/documentdb bson_expression.c before engine 0.108",
        ),
        Line(Trait::Ignores(&["delete"], "hint"), "microsoft/documentdb delete.c"),
    ],
};
