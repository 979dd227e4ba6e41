/* event NUMBER PID: sends a console event to one process.
   NUMBER is 0 for Ctrl-C, 1 for Ctrl-Break, 2 for a closed console, 5 for logging off, 6 for shutting down.

   A program may generate only the first two, and not for one process alone. So the event comes as Windows itself brings
   it: in a new thread of the process, in the function that calls its handlers. */
#include <stdlib.h>
#include <windows.h>

int main(int count, char **words)
{
    if (count != 3) return 2;
    void *event = (void *)(ULONG_PTR)atoi(words[1]);
    HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, atoi(words[2]));
    void *routine = GetProcAddress(GetModuleHandleA("kernelbase"), "CtrlRoutine");
    if (process && routine && CreateRemoteThread(process, NULL, 0, routine, event, 0, NULL)) return 0;
    /* As on Unix, nothing is wrong if the process has just ended and nobody has asked for its exit code yet. */
    DWORD code;
    return process && GetExitCodeProcess(process, &code) && code != STILL_ACTIVE ? 0 : 1;
}
