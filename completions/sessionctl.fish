# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sessionctl_global_optspecs
    string join \n uri= uri-file= d/db= c/collection= layout= layout-file= lifetime= o/format= full-ids color= q/quiet v/verbose h/help V/version
end

function __fish_sessionctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sessionctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sessionctl_using_subcommand
    set -l cmd (__fish_sessionctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sessionctl -n "__fish_sessionctl_needs_command" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_needs_command" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_needs_command" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_needs_command" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_needs_command" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_needs_command" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_needs_command" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -s V -l version -d 'Print version'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "list" -d 'List sessions'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "inspect" -d 'Show sessions whole: dates, user, and the decoded payload with secrets masked'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "expire" -d 'End sessions now and keep their documents'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "purge" -d 'Delete sessions, in batches'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "restore" -d 'Put back the sessions that a purge archived'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "sweep" -d 'Purge expired sessions again and again: the daemon'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "index" -d 'Look after the TTL index, with which the server itself deletes expired sessions'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "doctor" -d 'Say why sessions will not expire or will be slow, and with which command to mend it'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "fix" -d 'Mend the expiries of sessions that would never go away'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "stats" -d 'Count states, sizes, ages, expiries and users'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "top" -d 'Watch a collection live, and log out one of its sessions'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "collections" -d 'Find the collections on the server that hold sessions, and which layout each has'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "layouts" -d 'List the layouts that sessionctl knows, or print one'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "deploy" -d 'Print a unit, a crontab, manifests, alerts or a dashboard for the sweeper'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "demo" -d 'Start a throwaway MongoDB with sample sessions and take the tour'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c sessionctl -n "__fish_sessionctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l limit -d 'Print at most so many sessions; 0 is all [default: 50 in a table, else 0]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l sort -d 'Sort by this; unsorted is fastest' -r -f -a "expires\t''
touched\t''
created\t''
bytes\t''
id\t''"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l columns -d 'Print these columns, in this order' -r -f -a "id\t''
state\t''
expires\t''
touched\t''
created\t''
user\t''
bytes\t''"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l user -d 'Sessions of this user' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l where -d 'Sessions whose payload says so; repeatable' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l expires-before -d 'Sessions that expire before it, such as +1h' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l expires-after -d 'Sessions that expire then or later' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l idle -d 'Sessions not touched for so long, such as 7d' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l older -d 'Sessions created so long ago, or earlier' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l reverse -d 'Print them the other way round'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l foreign -d 'List the documents of the collection that are not sessions; no other command reads or writes them'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l expired -d 'Sessions whose expiry is past'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l live -d 'Sessions whose expiry is to come'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l endless -d 'Sessions that the store keeps for ever'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l malformed -d 'Sessions whose expiry nothing can act on'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l all -d 'Every session of the collection'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand list" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l reveal -d 'Show values that look like secrets, too'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l raw -d 'Print the documents as they are stored, in canonical Extended JSON, unmasked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l run-time -d 'Stop after so long, at the end of a batch; with work left the exit code is 5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l grace -d 'Count as expired only what has been so for this long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l cutoff -d 'Count as expired what was so then, such as the cutoff of an earlier report' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l verify -d 'Look again after so long: sessions that were written back meanwhile are ended again' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l user -d 'Sessions of this user' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l where -d 'Sessions whose payload says so; repeatable' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l expires-before -d 'Sessions that expire before it, such as +1h' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l expires-after -d 'Sessions that expire then or later' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l idle -d 'Sessions not touched for so long, such as 7d' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l older -d 'Sessions created so long ago, or earlier' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l dry-run -d 'Change nothing: show how many sessions are meant, some of them, and how they would be found'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l no-repeat -d 'Only report the sessions that reappeared'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l expired -d 'Sessions whose expiry is past'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l live -d 'Sessions whose expiry is to come'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l endless -d 'Sessions that the store keeps for ever'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l malformed -d 'Sessions whose expiry nothing can act on'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l all -d 'Every session of the collection'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand expire" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l run-time -d 'Stop after so long, at the end of a batch; with work left the exit code is 5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l grace -d 'Count as expired only what has been so for this long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l cutoff -d 'Count as expired what was so then, such as the cutoff of an earlier report' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l verify -d 'Look again after so long: sessions that were written back meanwhile are ended again' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l user -d 'Sessions of this user' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l where -d 'Sessions whose payload says so; repeatable' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l expires-before -d 'Sessions that expire before it, such as +1h' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l expires-after -d 'Sessions that expire then or later' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l idle -d 'Sessions not touched for so long, such as 7d' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l older -d 'Sessions created so long ago, or earlier' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l archive -d 'Write each batch into this new file first, as it is; its name ends with .bson or .ndjson, or either of them and .gz or .zst' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l dry-run -d 'Change nothing: show how many sessions are meant, some of them, and how they would be found'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l no-repeat -d 'Only report the sessions that reappeared'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l expired -d 'Sessions whose expiry is past'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l live -d 'Sessions whose expiry is to come'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l endless -d 'Sessions that the store keeps for ever'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l malformed -d 'Sessions whose expiry nothing can act on'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l all -d 'Every session of the collection'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l archive-append -d 'Add to the file if there is one'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand purge" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l batch-size -d 'Sessions in a batch' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l dry-run -d 'Only count the sessions of the archive, and those of them that are there already'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand restore" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l interval -d 'Begin a pass this often [default: 60]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l jitter -d 'Begin each pass up to so much later, at random' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l grace -d 'Delete only what has been expired for this long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l idle -d 'Delete endless sessions, too, that were not touched for this long; needs --yes' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l config -d 'File that says what to sweep, and how, for any number of collections' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l archive -d 'Write each batch into this file before it is deleted; %Y-%m-%d in its name is the date' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l lease -d 'Of any number of sweepers one works, under a lease that lives so long unless it is renewed' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l metrics -d 'Answer /metrics, /livez and /readyz here, such as 127.0.0.1:9464' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l metrics-file -d 'Write the metrics into this file after each pass, for the node exporter' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l log-format -d 'The log on stderr: text, or json for one object a line' -r -f -a "text\t'For people, and with levels where the journal reads along'
json\t'One JSON object a line'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l once -d 'Do one pass, then end'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s y -l yes -d 'Confirm --idle'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l no-lease -d 'Take no other sweeper into account'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand sweep" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -f -a "status" -d 'Say whether the TTL index that the layout needs is there'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -f -a "install" -d 'Create the TTL index, or convert the plain index in its place'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -f -a "replace" -d 'Put the wanted TTL index in the place of one that differs'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -f -a "remove" -d 'Drop the TTL index, so that the server deletes nothing by itself any more'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and not __fish_seen_subcommand_from status install replace remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l idle -d 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l check -d 'Exit with 4 if the index is missing or differs'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l idle -d 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l drain -d 'Purge what the server would delete at once, however little, before the index is made; for `install` this needs no confirmation'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l no-drain -d 'Leave it all to the server, however much'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l idle -d 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l drain -d 'Purge what the server would delete at once, however little, before the index is made; for `install` this needs no confirmation'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l no-drain -d 'Leave it all to the server, however much'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from replace" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l idle -d 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say whether the TTL index that the layout needs is there'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "install" -d 'Create the TTL index, or convert the plain index in its place'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "replace" -d 'Put the wanted TTL index in the place of one that differs'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Drop the TTL index, so that the server deletes nothing by itself any more'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l sample -d 'Count a random sample of so many documents [default: all of them up to 100,000, of more 10,000]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -f -a "expiry" -d 'Turn texts and numbers that stand where the store wants a date into dates'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -f -a "endless" -d 'Let sessions that never end do so after a lifetime'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and not __fish_seen_subcommand_from expiry endless help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l run-time -d 'Stop after so long, at the end of a batch; with work left the exit code is 5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l archive -d 'Write each batch into this new file first, as it is; its name ends with .bson or .ndjson, or either of them and .gz or .zst' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l dry-run -d 'Change nothing: show how many sessions are meant, some of them, and how they would be found'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l archive-append -d 'Add to the file if there is one'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from expiry" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l batch-size -d 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l jobs -d 'Batches in flight [default: 2 on a standalone, 8 on a replica set]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l rate -d 'At most so many sessions a second' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l sleep-factor -d 'Rest so many times as long as each batch took, such as 0.5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l max-lag -d 'Pause while a member of the replica set is further behind than this' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l run-time -d 'Stop after so long, at the end of a batch; with work left the exit code is 5' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l archive -d 'Write each batch into this new file first, as it is; its name ends with .bson or .ndjson, or either of them and .gz or .zst' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l dry-run -d 'Change nothing: show how many sessions are meant, some of them, and how they would be found'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s y -l yes -d 'Confirm beforehand: nothing is asked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l archive-append -d 'Add to the file if there is one'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from endless" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from help" -f -a "expiry" -d 'Turn texts and numbers that stand where the store wants a date into dates'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from help" -f -a "endless" -d 'Let sessions that never end do so after a lifetime'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand fix; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l sample -d 'Count so many sessions taken at random, where there are too many to read them all' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l top -d 'Name so many of the users with the most sessions' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand stats" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l interval -d 'Look at the collection so often' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l audit -d 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand top" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand collections" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print a layout as TOML, ready to be changed and passed to --layout-file'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print a layout as TOML, ready to be changed and passed to --layout-file'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand layouts; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -f -a "systemd" -d 'Print a hardened unit that keeps the sweeper running under systemd'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -f -a "cron" -d 'Print a crontab that makes a pass every few minutes, silent unless it fails'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -f -a "kubernetes" -d 'Print the manifests of a Deployment, or with --cron of a CronJob, for Kubernetes'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -f -a "prometheus" -d 'Print Prometheus rules that alert when sessions stay or the sweeper does not work'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -f -a "grafana" -d 'Print a Grafana dashboard of the sweeper\'s metrics, ready to be imported'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and not __fish_seen_subcommand_from systemd cron kubernetes prometheus grafana help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l interval -d 'Begin a pass this often [default: 60s, or what the file of --config says]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l grace -d 'Delete only what has been expired for this long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l config -d 'File that tells the sweeper about several collections, instead of -c and --grace' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l archive -d 'Write what is deleted into files so named, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l metrics -d 'Serve metrics and health at this address, such as 127.0.0.1:9464' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l binary -d 'The installed program [default: this one, if it is installed, else /usr/bin/sessionctl]' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l user -d 'Run as this user [default: one that exists only while it runs]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l name -d 'The unit\'s name' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from systemd" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l grace -d 'Delete only what has been expired for this long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l config -d 'File that tells the sweeper about several collections, instead of -c and --grace' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l archive -d 'Write what is deleted into files so named, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l schedule -d 'When to make a pass: five fields, or like @hourly' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l user -d 'Run as this user, who can read the files named' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l mailto -d 'Send failures to this address' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l binary -d 'The installed program [default: this one, if it is installed, else /usr/bin/sessionctl]' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l name -d 'The name of the file, without a dot' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from cron" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l interval -d 'Begin a pass this often [default: 60s, or what the file of --config says]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l grace -d 'Delete only what has been expired for this long' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l config -d 'File that tells the sweeper about several collections, instead of -c and --grace' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l archive -d 'Write what is deleted into files so named, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l metrics -d 'Serve metrics and health to the cluster at this address' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l schedule -d 'When the CronJob makes a pass: five fields, or like @hourly' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l replicas -d 'Replicas of the Deployment; whatever their number, one of them works' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l image -d 'The container\'s image' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l name -d 'What the objects are called' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l namespace -d 'The Kubernetes namespace they are in [default: kubectl\'s]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l secret -d 'The secret whose key uri is the connection string' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l claim -d 'The persistent volume claim for the archives, mounted at /var/lib/sessionctl' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l cron -d 'A CronJob that makes one pass at a time, instead of a Deployment'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from kubernetes" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l job -d 'Watch the sweepers of this scrape job [default: all that are scraped]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l intervals -d 'So many intervals without a pass, or of staying expired, are too many' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l grace -d 'The longest --grace of the sweepers: so long expired sessions stay by design' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l backlog -d 'A backlog of so many sessions may grow' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l max-lag -d 'A replica set\'s member may be so far behind' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l max-skew -d 'Clocks may be so far apart' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from prometheus" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l title -d 'The dashboard\'s title' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l uid -d 'Its uid, by which importing it again replaces it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from grafana" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "systemd" -d 'Print a hardened unit that keeps the sweeper running under systemd'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "cron" -d 'Print a crontab that makes a pass every few minutes, silent unless it fails'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "kubernetes" -d 'Print the manifests of a Deployment, or with --cron of a CronJob, for Kubernetes'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "prometheus" -d 'Print Prometheus rules that alert when sessions stay or the sweeper does not work'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "grafana" -d 'Print a Grafana dashboard of the sweeper\'s metrics, ready to be imported'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand deploy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l port -d 'Port to listen on [default: a free one]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l exit -d 'End after the tour; without a terminal that is the default'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l keep -d 'Keep the data folder and print its path'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand demo" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l uri -d 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l uri-file -d 'File with the connection string, so that ps does not show it' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -s d -l db -d 'Database [default: the connection string\'s, else test]' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -s c -l collection -d 'Collection that holds the sessions [default: sessions]; sweep takes several' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l layout -d 'How the sessions are written, by name (see sessionctl layouts); auto finds out' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l layout-file -d 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)' -r -F
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l lifetime -d 'Lifetime after the last touch, where neither the document nor a TTL index tells it' -r
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -s o -l format -d 'What to print on stdout: table (for people), json, ndjson or csv' -r -f -a "table\t'For people: times relative to now, columns that fit the terminal'
json\t'One JSON array or object'
ndjson\t'One JSON object a line'
csv\t'A header and lines of comma-separated values'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l color -d 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too' -r -f -a "auto\t'On a terminal'
always\t'In files and pipes too'
never\t'Nowhere'"
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -l full-ids -d 'Print whole session ids; anyone who sees one may be able to log in with it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -s q -l quiet -d 'Print only failures: no notes, and no report in table format'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -s v -l verbose -d 'Say more: why this layout, and the driver\'s own words on a failure'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "list" -d 'List sessions'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "inspect" -d 'Show sessions whole: dates, user, and the decoded payload with secrets masked'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "expire" -d 'End sessions now and keep their documents'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "purge" -d 'Delete sessions, in batches'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "restore" -d 'Put back the sessions that a purge archived'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "sweep" -d 'Purge expired sessions again and again: the daemon'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "index" -d 'Look after the TTL index, with which the server itself deletes expired sessions'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "doctor" -d 'Say why sessions will not expire or will be slow, and with which command to mend it'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "fix" -d 'Mend the expiries of sessions that would never go away'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "stats" -d 'Count states, sizes, ages, expiries and users'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "top" -d 'Watch a collection live, and log out one of its sessions'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "collections" -d 'Find the collections on the server that hold sessions, and which layout each has'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "layouts" -d 'List the layouts that sessionctl knows, or print one'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "deploy" -d 'Print a unit, a crontab, manifests, alerts or a dashboard for the sweeper'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "demo" -d 'Start a throwaway MongoDB with sample sessions and take the tour'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and not __fish_seen_subcommand_from list inspect expire purge restore sweep index doctor fix stats top collections layouts deploy demo completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "status" -d 'Say whether the TTL index that the layout needs is there'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "install" -d 'Create the TTL index, or convert the plain index in its place'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "replace" -d 'Put the wanted TTL index in the place of one that differs'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "remove" -d 'Drop the TTL index, so that the server deletes nothing by itself any more'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from fix" -f -a "expiry" -d 'Turn texts and numbers that stand where the store wants a date into dates'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from fix" -f -a "endless" -d 'Let sessions that never end do so after a lifetime'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from layouts" -f -a "show" -d 'Print a layout as TOML, ready to be changed and passed to --layout-file'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "systemd" -d 'Print a hardened unit that keeps the sweeper running under systemd'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "cron" -d 'Print a crontab that makes a pass every few minutes, silent unless it fails'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "kubernetes" -d 'Print the manifests of a Deployment, or with --cron of a CronJob, for Kubernetes'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "prometheus" -d 'Print Prometheus rules that alert when sessions stay or the sweeper does not work'
complete -c sessionctl -n "__fish_sessionctl_using_subcommand help; and __fish_seen_subcommand_from deploy" -f -a "grafana" -d 'Print a Grafana dashboard of the sweeper\'s metrics, ready to be imported'
