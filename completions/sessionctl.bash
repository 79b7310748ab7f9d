_sessionctl() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="sessionctl"
                ;;
            sessionctl,audit)
                cmd="sessionctl__subcmd__audit"
                ;;
            sessionctl,collections)
                cmd="sessionctl__subcmd__collections"
                ;;
            sessionctl,completions)
                cmd="sessionctl__subcmd__completions"
                ;;
            sessionctl,copy)
                cmd="sessionctl__subcmd__copy"
                ;;
            sessionctl,demo)
                cmd="sessionctl__subcmd__demo"
                ;;
            sessionctl,deploy)
                cmd="sessionctl__subcmd__deploy"
                ;;
            sessionctl,doctor)
                cmd="sessionctl__subcmd__doctor"
                ;;
            sessionctl,expire)
                cmd="sessionctl__subcmd__expire"
                ;;
            sessionctl,fix)
                cmd="sessionctl__subcmd__fix"
                ;;
            sessionctl,help)
                cmd="sessionctl__subcmd__help"
                ;;
            sessionctl,index)
                cmd="sessionctl__subcmd__index"
                ;;
            sessionctl,inspect)
                cmd="sessionctl__subcmd__inspect"
                ;;
            sessionctl,layouts)
                cmd="sessionctl__subcmd__layouts"
                ;;
            sessionctl,list)
                cmd="sessionctl__subcmd__list"
                ;;
            sessionctl,purge)
                cmd="sessionctl__subcmd__purge"
                ;;
            sessionctl,restore)
                cmd="sessionctl__subcmd__restore"
                ;;
            sessionctl,stats)
                cmd="sessionctl__subcmd__stats"
                ;;
            sessionctl,sweep)
                cmd="sessionctl__subcmd__sweep"
                ;;
            sessionctl,top)
                cmd="sessionctl__subcmd__top"
                ;;
            sessionctl,users)
                cmd="sessionctl__subcmd__users"
                ;;
            sessionctl__subcmd__deploy,cron)
                cmd="sessionctl__subcmd__deploy__subcmd__cron"
                ;;
            sessionctl__subcmd__deploy,grafana)
                cmd="sessionctl__subcmd__deploy__subcmd__grafana"
                ;;
            sessionctl__subcmd__deploy,kubernetes)
                cmd="sessionctl__subcmd__deploy__subcmd__kubernetes"
                ;;
            sessionctl__subcmd__deploy,prometheus)
                cmd="sessionctl__subcmd__deploy__subcmd__prometheus"
                ;;
            sessionctl__subcmd__deploy,systemd)
                cmd="sessionctl__subcmd__deploy__subcmd__systemd"
                ;;
            sessionctl__subcmd__fix,endless)
                cmd="sessionctl__subcmd__fix__subcmd__endless"
                ;;
            sessionctl__subcmd__fix,expiry)
                cmd="sessionctl__subcmd__fix__subcmd__expiry"
                ;;
            sessionctl__subcmd__index,install)
                cmd="sessionctl__subcmd__index__subcmd__install"
                ;;
            sessionctl__subcmd__index,remove)
                cmd="sessionctl__subcmd__index__subcmd__remove"
                ;;
            sessionctl__subcmd__index,replace)
                cmd="sessionctl__subcmd__index__subcmd__replace"
                ;;
            sessionctl__subcmd__index,status)
                cmd="sessionctl__subcmd__index__subcmd__status"
                ;;
            sessionctl__subcmd__layouts,draft)
                cmd="sessionctl__subcmd__layouts__subcmd__draft"
                ;;
            sessionctl__subcmd__layouts,show)
                cmd="sessionctl__subcmd__layouts__subcmd__show"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        sessionctl)
            opts="-d -c -o -q -v -h -V --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help --version list users inspect expire purge restore copy audit sweep index doctor fix stats top collections layouts deploy demo completions help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__audit)
            opts="-d -c -o -q -v -h --users --user --head --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --head)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__collections)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__completions)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help bash elvish fish powershell zsh"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__copy)
            opts="-y -d -c -o -q -v -h --to-uri --to-uri-file --to-db --to-collection --to-layout --dry-run --check --follow --yes --audit --archive --archive-append --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --to-uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --to-uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --to-db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --to-collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --to-layout)
                    COMPREPLY=($(compgen -W "connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__demo)
            opts="-d -c -o -q -v -h --exit --keep --port --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --port)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__deploy)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help systemd cron kubernetes prometheus grafana"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__deploy__subcmd__cron)
            opts="-d -c -o -q -v -h --grace --config --archive --schedule --user --mailto --binary --name --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --schedule)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mailto)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --binary)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__deploy__subcmd__grafana)
            opts="-d -c -o -q -v -h --title --uid --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --title)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__deploy__subcmd__kubernetes)
            opts="-d -c -o -q -v -h --interval --grace --config --archive --metrics --cron --schedule --replicas --image --name --namespace --secret --claim --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --schedule)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --replicas)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --image)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --secret)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --claim)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__deploy__subcmd__prometheus)
            opts="-d -c -o -q -v -h --job --intervals --grace --backlog --max-lag --max-skew --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --job)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --intervals)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --backlog)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-skew)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__deploy__subcmd__systemd)
            opts="-d -c -o -q -v -h --interval --grace --config --archive --metrics --binary --user --name --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --binary)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__doctor)
            opts="-d -c -o -q -v -h --sample --every-collection --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --sample)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__expire)
            opts="-y -d -c -o -q -v -h --dry-run --yes --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --run-time --grace --cutoff --verify --no-repeat --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --hold --archive --archive-append --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --run-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cutoff)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verify)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --hold)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__fix)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help expiry endless"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__fix__subcmd__endless)
            opts="-y -d -c -o -q -v -h --dry-run --yes --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --run-time --archive --archive-append --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --run-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__fix__subcmd__expiry)
            opts="-y -d -c -o -q -v -h --dry-run --yes --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --run-time --archive --archive-append --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --run-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__help)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help audit changes collections completions copy demo deploy doctor environment expire expiry fix help incidents index inspect layout-file layouts list output purge recipes restore rights safety scale selection servers speed stats sweep sweep.toml top users"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__index)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help status install replace remove"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__index__subcmd__install)
            opts="-y -d -c -o -q -v -h --idle --yes --drain --no-drain --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__index__subcmd__remove)
            opts="-y -d -c -o -q -v -h --idle --yes --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__index__subcmd__replace)
            opts="-y -d -c -o -q -v -h --idle --yes --drain --no-drain --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__index__subcmd__status)
            opts="-d -c -o -q -v -h --check --idle --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__inspect)
            opts="-d -c -o -q -v -h --reveal --raw --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__layouts)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help show draft"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__layouts__subcmd__draft)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__layouts__subcmd__show)
            opts="-d -c -o -q -v -h --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__list)
            opts="-n -d -c -o -q -v -h --limit --sort --reverse --columns --follow --foreign --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --every-collection --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --limit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -n)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sort)
                    COMPREPLY=($(compgen -W "expires touched created bytes id" -- "${cur}"))
                    return 0
                    ;;
                --columns)
                    COMPREPLY=($(compgen -W "time event id state expires touched created user bytes namespace layout ip agent" -- "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__purge)
            opts="-y -d -c -o -q -v -h --dry-run --yes --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --run-time --grace --cutoff --verify --no-repeat --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --every-collection --archive --archive-append --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --run-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cutoff)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verify)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__restore)
            opts="-y -d -c -o -q -v -h --dry-run --only-present --yes --audit --batch-size --max-latency --control --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__stats)
            opts="-d -c -o -q -v -h --sample --top --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --every-collection --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --sample)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --top)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__sweep)
            opts="-y -d -c -o -q -v -h --interval --jitter --once --grace --idle --yes --config --check-config --archive --audit --batch-size --jobs --rate --sleep-factor --max-lag --max-latency --control --lease --no-lease --metrics --metrics-file --log-format --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jitter)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --archive)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --batch-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --jobs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sleep-factor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-lag)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-latency)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lease)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-format)
                    COMPREPLY=($(compgen -W "text json" -- "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__top)
            opts="-d -c -o -q -v -h --interval --audit --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        sessionctl__subcmd__users)
            opts="-n -d -c -o -q -v -h --limit --min-sessions --expired --live --endless --malformed --user --users-from --anonymous --where --expires-before --expires-after --touched-before --touched-after --created-before --created-after --idle --active --touch-slack --older --except --except-user --except-users-from --keep --unmatched --all --every-collection --uri --uri-file --db --collection --layout --layout-file --lifetime --user-path --format --full-ids --color --quiet --verbose --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --limit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -n)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --min-sessions)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --where)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expires-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touched-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-before)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --created-after)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --active)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --touch-slack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --older)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --except-users-from)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unmatched)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --db)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --collection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -c)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --layout)
                    COMPREPLY=($(compgen -W "auto connect-mongo-json express-session-object better-auth authjs flask-session spring-jdk spring-jackson symfony laravel-mongodb laravel-database parse-server django-db django-mongoengine django-mongo-sessions express-mongodb-1 express-mongodb-legacy koa-session-mongoose koa-session-mongo koa-generic-session-mongo mongoose-session express-session-mongo lucia catbox-mongodb shopify accounts-js tower-sessions axum-session async-mongodb-session actix-session-mongodb aiohttp-session-mongo sanic-session flask-mongoengine flask-mongo-sessions beaker gin-mongostore scs fiber mongo-session-store mongoid-session-store apache-session prisma-session-store librechat chat-ui yii2 laminas laravel4-jenssegers laravel-1ff jetty graylog keyv session-mongoose session-mongoose-ttl sessionstore lucia-2 go-session foal aiohttp-session-mongo-key catbox-mongodb-1 catbox-mongodb-1-key oak-sessions async-mongodb-session-1 connect-mongodb aspnet-session-state" -- "${cur}"))
                    return 0
                    ;;
                --layout-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -W "table json ndjson csv" -- "${cur}"))
                    return 0
                    ;;
                --color)
                    COMPREPLY=($(compgen -W "auto always never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _sessionctl -o nosort -o bashdefault -o default sessionctl
else
    complete -F _sessionctl -o bashdefault -o default sessionctl
fi
