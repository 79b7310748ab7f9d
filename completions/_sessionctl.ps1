
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'sessionctl' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'sessionctl'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'sessionctl' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List sessions')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show sessions whole: dates, user, and the decoded payload with secrets masked')
            [CompletionResult]::new('expire', 'expire', [CompletionResultType]::ParameterValue, 'End sessions now and keep their documents')
            [CompletionResult]::new('purge', 'purge', [CompletionResultType]::ParameterValue, 'Delete sessions, in batches')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Put back the sessions that a purge archived')
            [CompletionResult]::new('sweep', 'sweep', [CompletionResultType]::ParameterValue, 'Purge expired sessions again and again: the daemon')
            [CompletionResult]::new('index', 'index', [CompletionResultType]::ParameterValue, 'Look after the TTL index, with which the server itself deletes expired sessions')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say why sessions will not expire or will be slow, and with which command to mend it')
            [CompletionResult]::new('fix', 'fix', [CompletionResultType]::ParameterValue, 'Mend the expiries of sessions that would never go away')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Count states, sizes, ages, expiries and users')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Watch a collection live, and log out one of its sessions')
            [CompletionResult]::new('collections', 'collections', [CompletionResultType]::ParameterValue, 'Find the collections on the server that hold sessions, and which layout each has')
            [CompletionResult]::new('layouts', 'layouts', [CompletionResultType]::ParameterValue, 'List the layouts that sessionctl knows, or print one')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Print a unit, a crontab, manifests, alerts or a dashboard for the sweeper')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Start a throwaway MongoDB with sample sessions and take the tour')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;list' {
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Print at most so many sessions; 0 is all [default: 50 in a table, else 0]')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by this; unsorted is fastest')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Print these columns, in this order')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Sessions of this user')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Sessions whose payload says so; repeatable')
            [CompletionResult]::new('--expires-before', '--expires-before', [CompletionResultType]::ParameterName, 'Sessions that expire before it, such as +1h')
            [CompletionResult]::new('--expires-after', '--expires-after', [CompletionResultType]::ParameterName, 'Sessions that expire then or later')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Sessions not touched for so long, such as 7d')
            [CompletionResult]::new('--older', '--older', [CompletionResultType]::ParameterName, 'Sessions created so long ago, or earlier')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--reverse', '--reverse', [CompletionResultType]::ParameterName, 'Print them the other way round')
            [CompletionResult]::new('--foreign', '--foreign', [CompletionResultType]::ParameterName, 'List the documents of the collection that are not sessions; no other command reads or writes them')
            [CompletionResult]::new('--expired', '--expired', [CompletionResultType]::ParameterName, 'Sessions whose expiry is past')
            [CompletionResult]::new('--live', '--live', [CompletionResultType]::ParameterName, 'Sessions whose expiry is to come')
            [CompletionResult]::new('--endless', '--endless', [CompletionResultType]::ParameterName, 'Sessions that the store keeps for ever')
            [CompletionResult]::new('--malformed', '--malformed', [CompletionResultType]::ParameterName, 'Sessions whose expiry nothing can act on')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every session of the collection')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;inspect' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--reveal', '--reveal', [CompletionResultType]::ParameterName, 'Show values that look like secrets, too')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Print the documents as they are stored, in canonical Extended JSON, unmasked')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;expire' {
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--run-time', '--run-time', [CompletionResultType]::ParameterName, 'Stop after so long, at the end of a batch; with work left the exit code is 5')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Count as expired only what has been so for this long')
            [CompletionResult]::new('--cutoff', '--cutoff', [CompletionResultType]::ParameterName, 'Count as expired what was so then, such as the cutoff of an earlier report')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Look again after so long: sessions that were written back meanwhile are ended again')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Sessions of this user')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Sessions whose payload says so; repeatable')
            [CompletionResult]::new('--expires-before', '--expires-before', [CompletionResultType]::ParameterName, 'Sessions that expire before it, such as +1h')
            [CompletionResult]::new('--expires-after', '--expires-after', [CompletionResultType]::ParameterName, 'Sessions that expire then or later')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Sessions not touched for so long, such as 7d')
            [CompletionResult]::new('--older', '--older', [CompletionResultType]::ParameterName, 'Sessions created so long ago, or earlier')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing: show how many sessions are meant, some of them, and how they would be found')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--no-repeat', '--no-repeat', [CompletionResultType]::ParameterName, 'Only report the sessions that reappeared')
            [CompletionResult]::new('--expired', '--expired', [CompletionResultType]::ParameterName, 'Sessions whose expiry is past')
            [CompletionResult]::new('--live', '--live', [CompletionResultType]::ParameterName, 'Sessions whose expiry is to come')
            [CompletionResult]::new('--endless', '--endless', [CompletionResultType]::ParameterName, 'Sessions that the store keeps for ever')
            [CompletionResult]::new('--malformed', '--malformed', [CompletionResultType]::ParameterName, 'Sessions whose expiry nothing can act on')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every session of the collection')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;purge' {
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--run-time', '--run-time', [CompletionResultType]::ParameterName, 'Stop after so long, at the end of a batch; with work left the exit code is 5')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Count as expired only what has been so for this long')
            [CompletionResult]::new('--cutoff', '--cutoff', [CompletionResultType]::ParameterName, 'Count as expired what was so then, such as the cutoff of an earlier report')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Look again after so long: sessions that were written back meanwhile are ended again')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Sessions of this user')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Sessions whose payload says so; repeatable')
            [CompletionResult]::new('--expires-before', '--expires-before', [CompletionResultType]::ParameterName, 'Sessions that expire before it, such as +1h')
            [CompletionResult]::new('--expires-after', '--expires-after', [CompletionResultType]::ParameterName, 'Sessions that expire then or later')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Sessions not touched for so long, such as 7d')
            [CompletionResult]::new('--older', '--older', [CompletionResultType]::ParameterName, 'Sessions created so long ago, or earlier')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write each batch into this new file first, as it is; its name ends with .bson or .ndjson, or either of them and .gz or .zst')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing: show how many sessions are meant, some of them, and how they would be found')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--no-repeat', '--no-repeat', [CompletionResultType]::ParameterName, 'Only report the sessions that reappeared')
            [CompletionResult]::new('--expired', '--expired', [CompletionResultType]::ParameterName, 'Sessions whose expiry is past')
            [CompletionResult]::new('--live', '--live', [CompletionResultType]::ParameterName, 'Sessions whose expiry is to come')
            [CompletionResult]::new('--endless', '--endless', [CompletionResultType]::ParameterName, 'Sessions that the store keeps for ever')
            [CompletionResult]::new('--malformed', '--malformed', [CompletionResultType]::ParameterName, 'Sessions whose expiry nothing can act on')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every session of the collection')
            [CompletionResult]::new('--archive-append', '--archive-append', [CompletionResultType]::ParameterName, 'Add to the file if there is one')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;restore' {
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only count the sessions of the archive, and those of them that are there already')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;sweep' {
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Begin a pass this often [default: 60]')
            [CompletionResult]::new('--jitter', '--jitter', [CompletionResultType]::ParameterName, 'Begin each pass up to so much later, at random')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Delete only what has been expired for this long')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Delete endless sessions, too, that were not touched for this long; needs --yes')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'File that says what to sweep, and how, for any number of collections')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write each batch into this file before it is deleted; %Y-%m-%d in its name is the date')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--lease', '--lease', [CompletionResultType]::ParameterName, 'Of any number of sweepers one works, under a lease that lives so long unless it is renewed')
            [CompletionResult]::new('--metrics', '--metrics', [CompletionResultType]::ParameterName, 'Answer /metrics, /livez and /readyz here, such as 127.0.0.1:9464')
            [CompletionResult]::new('--metrics-file', '--metrics-file', [CompletionResultType]::ParameterName, 'Write the metrics into this file after each pass, for the node exporter')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'The log on stderr: text, or json for one object a line')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Do one pass, then end')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm --idle')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm --idle')
            [CompletionResult]::new('--no-lease', '--no-lease', [CompletionResultType]::ParameterName, 'Take no other sweeper into account')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;index' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say whether the TTL index that the layout needs is there')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Create the TTL index, or convert the plain index in its place')
            [CompletionResult]::new('replace', 'replace', [CompletionResultType]::ParameterValue, 'Put the wanted TTL index in the place of one that differs')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Drop the TTL index, so that the server deletes nothing by itself any more')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;index;status' {
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Exit with 4 if the index is missing or differs')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;index;install' {
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long')
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Purge what the server would delete at once, however little, before the index is made; for `install` this needs no confirmation')
            [CompletionResult]::new('--no-drain', '--no-drain', [CompletionResultType]::ParameterName, 'Leave it all to the server, however much')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;index;replace' {
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long')
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Purge what the server would delete at once, however little, before the index is made; for `install` this needs no confirmation')
            [CompletionResult]::new('--no-drain', '--no-drain', [CompletionResultType]::ParameterName, 'Leave it all to the server, however much')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;index;remove' {
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'Instead of the index on the expiry, the one that ends sessions without an expiry when they were not touched for so long')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;index;help' {
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say whether the TTL index that the layout needs is there')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Create the TTL index, or convert the plain index in its place')
            [CompletionResult]::new('replace', 'replace', [CompletionResultType]::ParameterValue, 'Put the wanted TTL index in the place of one that differs')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Drop the TTL index, so that the server deletes nothing by itself any more')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;index;help;status' {
            break
        }
        'sessionctl;index;help;install' {
            break
        }
        'sessionctl;index;help;replace' {
            break
        }
        'sessionctl;index;help;remove' {
            break
        }
        'sessionctl;index;help;help' {
            break
        }
        'sessionctl;doctor' {
            [CompletionResult]::new('--sample', '--sample', [CompletionResultType]::ParameterName, 'Count a random sample of so many documents [default: all of them up to 100,000, of more 10,000]')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;fix' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('expiry', 'expiry', [CompletionResultType]::ParameterValue, 'Turn texts and numbers that stand where the store wants a date into dates')
            [CompletionResult]::new('endless', 'endless', [CompletionResultType]::ParameterValue, 'Let sessions that never end do so after a lifetime')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;fix;expiry' {
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--run-time', '--run-time', [CompletionResultType]::ParameterName, 'Stop after so long, at the end of a batch; with work left the exit code is 5')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write each batch into this new file first, as it is; its name ends with .bson or .ndjson, or either of them and .gz or .zst')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing: show how many sessions are meant, some of them, and how they would be found')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--archive-append', '--archive-append', [CompletionResultType]::ParameterName, 'Add to the file if there is one')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;fix;endless' {
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--batch-size', '--batch-size', [CompletionResultType]::ParameterName, 'Sessions in a batch [default: 1000, or 5000 where no ids are needed]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Batches in flight [default: 2 on a standalone, 8 on a replica set]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many sessions a second')
            [CompletionResult]::new('--sleep-factor', '--sleep-factor', [CompletionResultType]::ParameterName, 'Rest so many times as long as each batch took, such as 0.5')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'Pause while a member of the replica set is further behind than this')
            [CompletionResult]::new('--run-time', '--run-time', [CompletionResultType]::ParameterName, 'Stop after so long, at the end of a batch; with work left the exit code is 5')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write each batch into this new file first, as it is; its name ends with .bson or .ndjson, or either of them and .gz or .zst')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing: show how many sessions are meant, some of them, and how they would be found')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Confirm beforehand: nothing is asked')
            [CompletionResult]::new('--archive-append', '--archive-append', [CompletionResultType]::ParameterName, 'Add to the file if there is one')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;fix;help' {
            [CompletionResult]::new('expiry', 'expiry', [CompletionResultType]::ParameterValue, 'Turn texts and numbers that stand where the store wants a date into dates')
            [CompletionResult]::new('endless', 'endless', [CompletionResultType]::ParameterValue, 'Let sessions that never end do so after a lifetime')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;fix;help;expiry' {
            break
        }
        'sessionctl;fix;help;endless' {
            break
        }
        'sessionctl;fix;help;help' {
            break
        }
        'sessionctl;stats' {
            [CompletionResult]::new('--sample', '--sample', [CompletionResultType]::ParameterName, 'Count so many sessions taken at random, where there are too many to read them all')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Name so many of the users with the most sessions')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;top' {
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Look at the collection so often')
            [CompletionResult]::new('--audit', '--audit', [CompletionResultType]::ParameterName, 'Append who does what to FILE, a line of JSON before and one after; if it cannot be written, nothing is done')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;collections' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;layouts' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a layout as TOML, ready to be changed and passed to --layout-file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;layouts;show' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;layouts;help' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a layout as TOML, ready to be changed and passed to --layout-file')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;layouts;help;show' {
            break
        }
        'sessionctl;layouts;help;help' {
            break
        }
        'sessionctl;deploy' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('systemd', 'systemd', [CompletionResultType]::ParameterValue, 'Print a hardened unit that keeps the sweeper running under systemd')
            [CompletionResult]::new('cron', 'cron', [CompletionResultType]::ParameterValue, 'Print a crontab that makes a pass every few minutes, silent unless it fails')
            [CompletionResult]::new('kubernetes', 'kubernetes', [CompletionResultType]::ParameterValue, 'Print the manifests of a Deployment, or with --cron of a CronJob, for Kubernetes')
            [CompletionResult]::new('prometheus', 'prometheus', [CompletionResultType]::ParameterValue, 'Print Prometheus rules that alert when sessions stay or the sweeper does not work')
            [CompletionResult]::new('grafana', 'grafana', [CompletionResultType]::ParameterValue, 'Print a Grafana dashboard of the sweeper''s metrics, ready to be imported')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;deploy;systemd' {
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Begin a pass this often [default: 60s, or what the file of --config says]')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Delete only what has been expired for this long')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'File that tells the sweeper about several collections, instead of -c and --grace')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write what is deleted into files so named, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst')
            [CompletionResult]::new('--metrics', '--metrics', [CompletionResultType]::ParameterName, 'Serve metrics and health at this address, such as 127.0.0.1:9464')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'The installed program [default: this one, if it is installed, else /usr/bin/sessionctl]')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Run as this user [default: one that exists only while it runs]')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The unit''s name')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;deploy;cron' {
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Delete only what has been expired for this long')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'File that tells the sweeper about several collections, instead of -c and --grace')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write what is deleted into files so named, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst')
            [CompletionResult]::new('--schedule', '--schedule', [CompletionResultType]::ParameterName, 'When to make a pass: five fields, or like @hourly')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Run as this user, who can read the files named')
            [CompletionResult]::new('--mailto', '--mailto', [CompletionResultType]::ParameterName, 'Send failures to this address')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'The installed program [default: this one, if it is installed, else /usr/bin/sessionctl]')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The name of the file, without a dot')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;deploy;kubernetes' {
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Begin a pass this often [default: 60s, or what the file of --config says]')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Delete only what has been expired for this long')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'File that tells the sweeper about several collections, instead of -c and --grace')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Write what is deleted into files so named, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst')
            [CompletionResult]::new('--metrics', '--metrics', [CompletionResultType]::ParameterName, 'Serve metrics and health to the cluster at this address')
            [CompletionResult]::new('--schedule', '--schedule', [CompletionResultType]::ParameterName, 'When the CronJob makes a pass: five fields, or like @hourly')
            [CompletionResult]::new('--replicas', '--replicas', [CompletionResultType]::ParameterName, 'Replicas of the Deployment; whatever their number, one of them works')
            [CompletionResult]::new('--image', '--image', [CompletionResultType]::ParameterName, 'The container''s image')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'What the objects are called')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'The Kubernetes namespace they are in [default: kubectl''s]')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'The secret whose key uri is the connection string')
            [CompletionResult]::new('--claim', '--claim', [CompletionResultType]::ParameterName, 'The persistent volume claim for the archives, mounted at /var/lib/sessionctl')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--cron', '--cron', [CompletionResultType]::ParameterName, 'A CronJob that makes one pass at a time, instead of a Deployment')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;deploy;prometheus' {
            [CompletionResult]::new('--job', '--job', [CompletionResultType]::ParameterName, 'Watch the sweepers of this scrape job [default: all that are scraped]')
            [CompletionResult]::new('--intervals', '--intervals', [CompletionResultType]::ParameterName, 'So many intervals without a pass, or of staying expired, are too many')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'The longest --grace of the sweepers: so long expired sessions stay by design')
            [CompletionResult]::new('--backlog', '--backlog', [CompletionResultType]::ParameterName, 'A backlog of so many sessions may grow')
            [CompletionResult]::new('--max-lag', '--max-lag', [CompletionResultType]::ParameterName, 'A replica set''s member may be so far behind')
            [CompletionResult]::new('--max-skew', '--max-skew', [CompletionResultType]::ParameterName, 'Clocks may be so far apart')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;deploy;grafana' {
            [CompletionResult]::new('--title', '--title', [CompletionResultType]::ParameterName, 'The dashboard''s title')
            [CompletionResult]::new('--uid', '--uid', [CompletionResultType]::ParameterName, 'Its uid, by which importing it again replaces it')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;deploy;help' {
            [CompletionResult]::new('systemd', 'systemd', [CompletionResultType]::ParameterValue, 'Print a hardened unit that keeps the sweeper running under systemd')
            [CompletionResult]::new('cron', 'cron', [CompletionResultType]::ParameterValue, 'Print a crontab that makes a pass every few minutes, silent unless it fails')
            [CompletionResult]::new('kubernetes', 'kubernetes', [CompletionResultType]::ParameterValue, 'Print the manifests of a Deployment, or with --cron of a CronJob, for Kubernetes')
            [CompletionResult]::new('prometheus', 'prometheus', [CompletionResultType]::ParameterValue, 'Print Prometheus rules that alert when sessions stay or the sweeper does not work')
            [CompletionResult]::new('grafana', 'grafana', [CompletionResultType]::ParameterValue, 'Print a Grafana dashboard of the sweeper''s metrics, ready to be imported')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;deploy;help;systemd' {
            break
        }
        'sessionctl;deploy;help;cron' {
            break
        }
        'sessionctl;deploy;help;kubernetes' {
            break
        }
        'sessionctl;deploy;help;prometheus' {
            break
        }
        'sessionctl;deploy;help;grafana' {
            break
        }
        'sessionctl;deploy;help;help' {
            break
        }
        'sessionctl;demo' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port to listen on [default: a free one]')
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--exit', '--exit', [CompletionResultType]::ParameterName, 'End after the tour; without a terminal that is the default')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Keep the data folder and print its path')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;completions' {
            [CompletionResult]::new('--uri', '--uri', [CompletionResultType]::ParameterName, 'Connection string; - reads it from stdin [default: mongodb://localhost:27017]')
            [CompletionResult]::new('--uri-file', '--uri-file', [CompletionResultType]::ParameterName, 'File with the connection string, so that ps does not show it')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Database [default: the connection string''s, else test]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--collection', '--collection', [CompletionResultType]::ParameterName, 'Collection that holds the sessions [default: sessions]; sweep takes several')
            [CompletionResult]::new('--layout', '--layout', [CompletionResultType]::ParameterName, 'How the sessions are written, by name (see sessionctl layouts); auto finds out')
            [CompletionResult]::new('--layout-file', '--layout-file', [CompletionResultType]::ParameterName, 'A layout of your own, as TOML (begin with sessionctl layouts show NAME)')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'Lifetime after the last touch, where neither the document nor a TTL index tells it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'What to print on stdout: table (for people), json, ndjson or csv')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colors: auto (on a terminal), always or never; NO_COLOR turns them off too')
            [CompletionResult]::new('--full-ids', '--full-ids', [CompletionResultType]::ParameterName, 'Print whole session ids; anyone who sees one may be able to log in with it')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only failures: no notes, and no report in table format')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: why this layout, and the driver''s own words on a failure')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sessionctl;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List sessions')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show sessions whole: dates, user, and the decoded payload with secrets masked')
            [CompletionResult]::new('expire', 'expire', [CompletionResultType]::ParameterValue, 'End sessions now and keep their documents')
            [CompletionResult]::new('purge', 'purge', [CompletionResultType]::ParameterValue, 'Delete sessions, in batches')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Put back the sessions that a purge archived')
            [CompletionResult]::new('sweep', 'sweep', [CompletionResultType]::ParameterValue, 'Purge expired sessions again and again: the daemon')
            [CompletionResult]::new('index', 'index', [CompletionResultType]::ParameterValue, 'Look after the TTL index, with which the server itself deletes expired sessions')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say why sessions will not expire or will be slow, and with which command to mend it')
            [CompletionResult]::new('fix', 'fix', [CompletionResultType]::ParameterValue, 'Mend the expiries of sessions that would never go away')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Count states, sizes, ages, expiries and users')
            [CompletionResult]::new('top', 'top', [CompletionResultType]::ParameterValue, 'Watch a collection live, and log out one of its sessions')
            [CompletionResult]::new('collections', 'collections', [CompletionResultType]::ParameterValue, 'Find the collections on the server that hold sessions, and which layout each has')
            [CompletionResult]::new('layouts', 'layouts', [CompletionResultType]::ParameterValue, 'List the layouts that sessionctl knows, or print one')
            [CompletionResult]::new('deploy', 'deploy', [CompletionResultType]::ParameterValue, 'Print a unit, a crontab, manifests, alerts or a dashboard for the sweeper')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Start a throwaway MongoDB with sample sessions and take the tour')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sessionctl;help;list' {
            break
        }
        'sessionctl;help;inspect' {
            break
        }
        'sessionctl;help;expire' {
            break
        }
        'sessionctl;help;purge' {
            break
        }
        'sessionctl;help;restore' {
            break
        }
        'sessionctl;help;sweep' {
            break
        }
        'sessionctl;help;index' {
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say whether the TTL index that the layout needs is there')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Create the TTL index, or convert the plain index in its place')
            [CompletionResult]::new('replace', 'replace', [CompletionResultType]::ParameterValue, 'Put the wanted TTL index in the place of one that differs')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Drop the TTL index, so that the server deletes nothing by itself any more')
            break
        }
        'sessionctl;help;index;status' {
            break
        }
        'sessionctl;help;index;install' {
            break
        }
        'sessionctl;help;index;replace' {
            break
        }
        'sessionctl;help;index;remove' {
            break
        }
        'sessionctl;help;doctor' {
            break
        }
        'sessionctl;help;fix' {
            [CompletionResult]::new('expiry', 'expiry', [CompletionResultType]::ParameterValue, 'Turn texts and numbers that stand where the store wants a date into dates')
            [CompletionResult]::new('endless', 'endless', [CompletionResultType]::ParameterValue, 'Let sessions that never end do so after a lifetime')
            break
        }
        'sessionctl;help;fix;expiry' {
            break
        }
        'sessionctl;help;fix;endless' {
            break
        }
        'sessionctl;help;stats' {
            break
        }
        'sessionctl;help;top' {
            break
        }
        'sessionctl;help;collections' {
            break
        }
        'sessionctl;help;layouts' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a layout as TOML, ready to be changed and passed to --layout-file')
            break
        }
        'sessionctl;help;layouts;show' {
            break
        }
        'sessionctl;help;deploy' {
            [CompletionResult]::new('systemd', 'systemd', [CompletionResultType]::ParameterValue, 'Print a hardened unit that keeps the sweeper running under systemd')
            [CompletionResult]::new('cron', 'cron', [CompletionResultType]::ParameterValue, 'Print a crontab that makes a pass every few minutes, silent unless it fails')
            [CompletionResult]::new('kubernetes', 'kubernetes', [CompletionResultType]::ParameterValue, 'Print the manifests of a Deployment, or with --cron of a CronJob, for Kubernetes')
            [CompletionResult]::new('prometheus', 'prometheus', [CompletionResultType]::ParameterValue, 'Print Prometheus rules that alert when sessions stay or the sweeper does not work')
            [CompletionResult]::new('grafana', 'grafana', [CompletionResultType]::ParameterValue, 'Print a Grafana dashboard of the sweeper''s metrics, ready to be imported')
            break
        }
        'sessionctl;help;deploy;systemd' {
            break
        }
        'sessionctl;help;deploy;cron' {
            break
        }
        'sessionctl;help;deploy;kubernetes' {
            break
        }
        'sessionctl;help;deploy;prometheus' {
            break
        }
        'sessionctl;help;deploy;grafana' {
            break
        }
        'sessionctl;help;demo' {
            break
        }
        'sessionctl;help;completions' {
            break
        }
        'sessionctl;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
