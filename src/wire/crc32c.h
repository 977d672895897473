/* CRC-32c as SCTP has it (RFC 9260 appendix A): over the whole packet from its common header on, with zero in place of
 * itself, and sent least byte first, as no other field is. */
#ifndef WIRE_CRC32C_H
#define WIRE_CRC32C_H

#include <stdint.h>

/* What the checksum of `len` bytes of SCTP (12 at least) is to be. */
uint32_t crc32c_sctp(const uint8_t *sctp, uint32_t len);

/* The checksum field. */
uint32_t crc32c_get(const uint8_t *sctp);
void crc32c_put(uint8_t *sctp, uint32_t crc);

#endif
