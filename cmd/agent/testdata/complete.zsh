# complete.zsh SCRIPT DIR LINE...: what zsh offers at the end of each line. A script that is called _agent is
# found by way of $fpath, any other is sourced.
# A real interactive zsh on a terminal of its own completes; what it would add is written to a file in DIR.
emulate -R zsh
zmodload zsh/zpty || exit 1
script=$1 dir=$2
shift 2

cat >$dir/setup <<'SETUP'
PROMPT=
[[ ${SCRIPT:t} == _agent ]] && fpath=(${SCRIPT:h} $fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
	if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
		builtin compadd "$@"
		return
	fi
	local -a added
	builtin compadd -A added "$@"
	print -rl -- $added >>$OFFERED
	builtin compadd "$@"
}
offer() {
	zle list-choices
	: >$OFFERED.done
}
zle -N offer
bindkey '^T' offer
bindkey '^U' kill-whole-line
SETUP
export SCRIPT=$script OFFERED=$dir/offered
await() {
	local i
	for i in {1..600}; do
		[[ -e $1 ]] && return
		sleep 0.05
	done
	print -u2 "waited in vain for $1"
	exit 1
}

zpty terminal zsh -f -i
zpty -w terminal "source ${(q)dir}/setup; [[ ${script:t} == _agent ]] || source ${(q)script}; : >${(q)dir}/ready"
await $dir/ready
for line; do
	rm -f $OFFERED $OFFERED.done
	zpty -w -n terminal $'\C-u'$line$'\C-t'
	await $OFFERED.done
	print -r -- ${(ou)${(f)"$(cat $OFFERED 2>/dev/null)"}}
	while zpty -r -t terminal; do :; done >/dev/null # or else its output would fill the pipe
done
zpty -d terminal
