package checkpoint

import (
	"bytes"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"
)

func keySeal() []byte { return []byte("seal") }

// The seal is a checksum over all values of the file but the parent keys, which
// have a count of their own. The checksums of single values do not show that
// one is missing, or is an older one out of a page that was given up.

// seal is renewed at the end of each transaction that writes.
func putSeal(tx *bolt.Tx) error {
	sum, err := sealOf(tx)
	if err != nil {
		return err
	}
	return put(tx.Bucket(bucketMeta()), keySeal(), sum)
}

func checkSeal(tx *bolt.Tx) error {
	value := tx.Bucket(bucketMeta()).Get(keySeal())
	if value == nil {
		return damaged("the seal is missing")
	}
	var sealed uint32
	if err := decode(keySeal(), value, &sealed); err != nil {
		return err
	}
	sum, err := sealOf(tx)
	if err != nil {
		return err
	}
	if sum != sealed {
		return damaged("the values are not those that were sealed")
	}
	return nil
}

func sealOf(tx *bolt.Tx) (uint32, error) {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, name := range [][]byte{bucketMeta(), bucketStreams(), bucketRuns()} {
		sum = crc32.Update(sum, table, name)
		err := tx.Bucket(name).ForEach(func(k, v []byte) error {
			if !bytes.Equal(k, keySeal()) {
				sum = crc32.Update(crc32.Update(sum, table, k), table, v)
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("seal %s: %w", name, err)
		}
	}
	return sum, nil
}
