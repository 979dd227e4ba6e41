/* The one function of bcryptprimitives.dll that Rust's standard library needs. Wine has this library from version 9. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count)
{
    while (count) {
        ULONG some = count > 0x100000 ? 0x100000 : (ULONG)count;
        if (!RtlGenRandom(bytes, some)) return FALSE;
        bytes += some;
        count -= some;
    }
    return TRUE;
}
