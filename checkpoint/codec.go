package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// valueVersion is the first byte of each value.
const valueVersion = 1

// encode writes a value: version, checksum of key and JSON, JSON. The key is in
// the checksum so that a value that turned up under another key is found too.
func encode(key []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	out := make([]byte, 5, 5+len(body))
	out[0] = valueVersion
	binary.BigEndian.PutUint32(out[1:], checksum(key, body))
	return append(out, body...), nil
}

func decode(key, value []byte, v any) error {
	if len(value) < 5 || value[0] != valueVersion {
		return fmt.Errorf("decode %q: %w", key, ErrDamaged)
	}
	if binary.BigEndian.Uint32(value[1:]) != checksum(key, value[5:]) {
		return fmt.Errorf("decode %q: checksum: %w", key, ErrDamaged)
	}
	if err := json.Unmarshal(value[5:], v); err != nil {
		return fmt.Errorf("decode %q: %w: %w", key, ErrDamaged, err)
	}
	return nil
}

func checksum(key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, body)
}
