// System V x86-64: rbx, rbp, r12 ... r15, the x87 control word and MXCSR survive a call.
        .text

        // void tau_fiber_switch(void** from, void* to)
        .globl  tau_fiber_switch
        .hidden tau_fiber_switch
        .type   tau_fiber_switch, @function
        .p2align 4
tau_fiber_switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size   tau_fiber_switch, . - tau_fiber_switch

        // void* tau_fiber_prepare(void* top, void (*entry)(void*), void* argument)
        // The first switch "returns" into tau_fiber_start with the entry in r12 and its argument in r13.
        .globl  tau_fiber_prepare
        .hidden tau_fiber_prepare
        .type   tau_fiber_prepare, @function
        .p2align 4
tau_fiber_prepare:
        .cfi_startproc
        leaq    -80(%rdi), %rax
        stmxcsr (%rax)
        fnstcw  4(%rax)
        movq    $0, 8(%rax)             // r15
        movq    $0, 16(%rax)            // r14
        movq    %rdx, 24(%rax)          // r13
        movq    %rsi, 32(%rax)          // r12
        movq    $0, 40(%rax)            // rbx
        movq    $0, 48(%rax)            // rbp: where walkers of frame pointers stop
        leaq    tau_fiber_start(%rip), %rcx
        movq    %rcx, 56(%rax)
        movq    $0, 64(%rax)
        ret
        .cfi_endproc
        .size   tau_fiber_prepare, . - tau_fiber_prepare

        .type   tau_fiber_start, @function
        .p2align 4
tau_fiber_start:
        .cfi_startproc
        .cfi_undefined %rip             // the outermost frame: nobody called it
        movq    %r13, %rdi
        callq   *%r12
        ud2
        .cfi_endproc
        .size   tau_fiber_start, . - tau_fiber_start

        .section .note.GNU-stack, "", @progbits
