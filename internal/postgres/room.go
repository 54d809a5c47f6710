package postgres

import (
	"context"
	"math"
	"net"
	"os"
	"strings"

	"resoagent/internal/disk"
)

// free is what can still be written where new rows go, which is known only if the
// server's directory is on this host's own disks; place says where, or why not.
func (d *Destination) free(ctx context.Context, ask func(ctx context.Context, sql string, args []any, into ...any) error) (free uint64, place string, known bool) {
	const untold = "the server does not tell its free space"
	host := d.config.ConnConfig.Host
	ip := net.ParseIP(host)
	if d.pooler || !strings.HasPrefix(host, "/") && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0, untold, false
	}
	// A tablespace that is not the server's own has a place of its own.
	var path string
	err := ask(ctx, `SELECT COALESCE(NULLIF(pg_tablespace_location(t.oid), ''), current_setting('data_directory'))
		FROM pg_database d JOIN pg_tablespace t ON t.oid = COALESCE(
			(SELECT oid FROM pg_tablespace WHERE spcname = NULLIF(current_setting('default_tablespace'), '')), d.dattablespace)
		WHERE d.datname = current_database()`, nil, &path)
	if err != nil {
		return 0, untold, false // most users may not read the setting
	}
	if _, err := os.Stat(path); err != nil {
		return 0, untold, false // a container's, say
	}
	if free, err = disk.Free(path); err != nil {
		return 0, untold, false
	}
	return free, path, true
}

// room is free, as migrations ask for it.
func (d *Destination) room(ctx context.Context) (free int64, place string, known bool) {
	bytes, place, known := d.free(ctx, func(ctx context.Context, sql string, args []any, into ...any) error {
		return d.pool.QueryRow(ctx, sql, args...).Scan(into...)
	})
	return int64(min(bytes, math.MaxInt64)), place, known
}
