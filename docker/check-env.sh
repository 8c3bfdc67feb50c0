#!/bin/sh
# Fails if a password in .env has a $ that Docker Compose takes for the beginning of a variable. It takes $$ for a $, and \$ between
# double quotes. Between single quotes it leaves everything as it is.
[ -f .env ] || exit 0
name=$(LC_ALL=C sed -nE '
	/^[^#=:]*PASSWORD[[:space:]]*[=:][[:space:]]*[^'\''[:space:]]/!d
	/^[^=:]*[=:][[:space:]]*"/s/\\[\\$]//g
	s/\$\$//g
	/\$[A-Za-z_{]/!d
	s/[[:space:]]*[=:].*//
	s/.*[^A-Za-z0-9_]//
	p
	q' .env)
[ -n "$name" ] || exit 0
echo "$name, in .env: Docker Compose takes \$ for the beginning of a variable; put the password between single quotes" >&2
exit 1
