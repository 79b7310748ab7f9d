
use builtin;
use str;

set edit:completion:arg-completer[sessionctl] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'sessionctl'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'sessionctl'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand list 'List sessions'
            cand inspect 'Show sessions whole: dates, user, and the decoded payload with secrets masked'
            cand expire 'End sessions now and keep their documents'
            cand purge 'Delete sessions, in batches'
            cand sweep 'Purge expired sessions again and again: the daemon'
            cand index 'Look after the TTL index, with which the server itself deletes expired sessions'
            cand collections 'Find the collections on the server that hold sessions, and which layout each has'
            cand layouts 'List the layouts that sessionctl knows, or print one'
            cand demo 'Start a throwaway MongoDB with sample sessions and take the tour'
            cand completions 'Print the completion script of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sessionctl;list'= {
            cand --limit 'Print at most so many sessions; 0 is all [default: 50 in a table, else 0]'
            cand --sort 'Sort by this; unsorted is fastest'
            cand --columns 'Print these columns, in this order'
            cand --user 'Sessions of this user'
            cand --where 'Sessions whose payload says so; repeatable'
            cand --expires-before 'Sessions that expire before it, such as +1h'
            cand --expires-after 'Sessions that expire then or later'
            cand --idle 'Sessions not touched for so long, such as 7d'
            cand --older 'Sessions created so long ago, or earlier'
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --reverse 'Print them the other way round'
            cand --expired 'Sessions whose expiry is past'
            cand --live 'Sessions whose expiry is to come'
            cand --endless 'Sessions that the store keeps for ever'
            cand --malformed 'Sessions whose expiry nothing can act on'
            cand --all 'Every session of the collection'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;inspect'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --reveal 'Show values that look like secrets, too'
            cand --raw 'Print the documents as they are stored, in canonical Extended JSON, unmasked'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;expire'= {
            cand --grace 'Count as expired only what has been so for this long'
            cand --batch-size 'Sessions in a batch'
            cand --user 'Sessions of this user'
            cand --where 'Sessions whose payload says so; repeatable'
            cand --expires-before 'Sessions that expire before it, such as +1h'
            cand --expires-after 'Sessions that expire then or later'
            cand --idle 'Sessions not touched for so long, such as 7d'
            cand --older 'Sessions created so long ago, or earlier'
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --dry-run 'Only count the sessions that are meant'
            cand -y 'Confirm beforehand: nothing is asked'
            cand --yes 'Confirm beforehand: nothing is asked'
            cand --expired 'Sessions whose expiry is past'
            cand --live 'Sessions whose expiry is to come'
            cand --endless 'Sessions that the store keeps for ever'
            cand --malformed 'Sessions whose expiry nothing can act on'
            cand --all 'Every session of the collection'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;purge'= {
            cand --grace 'Count as expired only what has been so for this long'
            cand --batch-size 'Sessions in a batch'
            cand --user 'Sessions of this user'
            cand --where 'Sessions whose payload says so; repeatable'
            cand --expires-before 'Sessions that expire before it, such as +1h'
            cand --expires-after 'Sessions that expire then or later'
            cand --idle 'Sessions not touched for so long, such as 7d'
            cand --older 'Sessions created so long ago, or earlier'
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --dry-run 'Only count the sessions that are meant'
            cand -y 'Confirm beforehand: nothing is asked'
            cand --yes 'Confirm beforehand: nothing is asked'
            cand --expired 'Sessions whose expiry is past'
            cand --live 'Sessions whose expiry is to come'
            cand --endless 'Sessions that the store keeps for ever'
            cand --malformed 'Sessions whose expiry nothing can act on'
            cand --all 'Every session of the collection'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;sweep'= {
            cand --interval 'Begin a pass this often'
            cand --grace 'Delete only what has been expired for this long'
            cand --batch-size 'Sessions in a batch'
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --once 'Do one pass, then end'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;index'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
            cand status 'Say whether the TTL index that the layout needs is there'
            cand install 'Create the TTL index, or convert the plain index in its place'
            cand replace 'Put the wanted TTL index in the place of one that differs'
            cand remove 'Drop the TTL index, so that the server deletes nothing by itself any more'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sessionctl;index;status'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --check 'Exit with 4 if the index is missing or differs'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;index;install'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand -y 'Confirm beforehand: nothing is asked'
            cand --yes 'Confirm beforehand: nothing is asked'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;index;replace'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand -y 'Confirm beforehand: nothing is asked'
            cand --yes 'Confirm beforehand: nothing is asked'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;index;remove'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand -y 'Confirm beforehand: nothing is asked'
            cand --yes 'Confirm beforehand: nothing is asked'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;index;help'= {
            cand status 'Say whether the TTL index that the layout needs is there'
            cand install 'Create the TTL index, or convert the plain index in its place'
            cand replace 'Put the wanted TTL index in the place of one that differs'
            cand remove 'Drop the TTL index, so that the server deletes nothing by itself any more'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sessionctl;index;help;status'= {
        }
        &'sessionctl;index;help;install'= {
        }
        &'sessionctl;index;help;replace'= {
        }
        &'sessionctl;index;help;remove'= {
        }
        &'sessionctl;index;help;help'= {
        }
        &'sessionctl;collections'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;layouts'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
            cand show 'Print a layout as TOML, ready to be changed and passed to --layout-file'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sessionctl;layouts;show'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;layouts;help'= {
            cand show 'Print a layout as TOML, ready to be changed and passed to --layout-file'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sessionctl;layouts;help;show'= {
        }
        &'sessionctl;layouts;help;help'= {
        }
        &'sessionctl;demo'= {
            cand --port 'Port to listen on [default: a free one]'
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --exit 'End after the tour; without a terminal that is the default'
            cand --keep 'Keep the data folder and print its path'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;completions'= {
            cand --uri 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]'
            cand --uri-file 'File with the connection string, so that ps does not show it'
            cand -d 'Database [default: the connection string''s, else test]'
            cand --db 'Database [default: the connection string''s, else test]'
            cand -c 'Collection that holds the sessions'
            cand --collection 'Collection that holds the sessions'
            cand --layout 'How the sessions are written, by name (see sessionctl layouts); auto finds out'
            cand --layout-file 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)'
            cand --lifetime 'Lifetime after the last touch, where neither the document nor a TTL index tells it'
            cand -o 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --format 'What to print on stdout: table (for people), json, ndjson or csv'
            cand --color 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too'
            cand --full-ids 'Print whole session ids; anyone who sees one may be able to log in with it'
            cand -q 'Print only failures: no notes, and no report in table format'
            cand --quiet 'Print only failures: no notes, and no report in table format'
            cand -v 'Say more: why this layout, and the driver''s own words on a failure'
            cand --verbose 'Say more: why this layout, and the driver''s own words on a failure'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'sessionctl;help'= {
            cand list 'List sessions'
            cand inspect 'Show sessions whole: dates, user, and the decoded payload with secrets masked'
            cand expire 'End sessions now and keep their documents'
            cand purge 'Delete sessions, in batches'
            cand sweep 'Purge expired sessions again and again: the daemon'
            cand index 'Look after the TTL index, with which the server itself deletes expired sessions'
            cand collections 'Find the collections on the server that hold sessions, and which layout each has'
            cand layouts 'List the layouts that sessionctl knows, or print one'
            cand demo 'Start a throwaway MongoDB with sample sessions and take the tour'
            cand completions 'Print the completion script of a shell'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'sessionctl;help;list'= {
        }
        &'sessionctl;help;inspect'= {
        }
        &'sessionctl;help;expire'= {
        }
        &'sessionctl;help;purge'= {
        }
        &'sessionctl;help;sweep'= {
        }
        &'sessionctl;help;index'= {
            cand status 'Say whether the TTL index that the layout needs is there'
            cand install 'Create the TTL index, or convert the plain index in its place'
            cand replace 'Put the wanted TTL index in the place of one that differs'
            cand remove 'Drop the TTL index, so that the server deletes nothing by itself any more'
        }
        &'sessionctl;help;index;status'= {
        }
        &'sessionctl;help;index;install'= {
        }
        &'sessionctl;help;index;replace'= {
        }
        &'sessionctl;help;index;remove'= {
        }
        &'sessionctl;help;collections'= {
        }
        &'sessionctl;help;layouts'= {
            cand show 'Print a layout as TOML, ready to be changed and passed to --layout-file'
        }
        &'sessionctl;help;layouts;show'= {
        }
        &'sessionctl;help;demo'= {
        }
        &'sessionctl;help;completions'= {
        }
        &'sessionctl;help;help'= {
        }
    ]
    $completions[$command]
}
